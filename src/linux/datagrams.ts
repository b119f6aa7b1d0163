/** Datagrams without Node between the socket and their reader, who pays much for each of many small ones. */
import * as ffi from './ffi.ts';
import { MSG_DONTWAIT } from './headers.ts';

/** The largest datagram. */
const ROOM = 65_535;
/** A sockaddr_in6, the longest that there is here. */
const ADDRESS_ROOM = 28;

export interface Datagram {
  readonly message: Buffer;
  /** The whole sockaddr of who sent it. */
  readonly sender: Uint8Array;
}

/** Filled by one call after another: nobody else reads before the call's end. */
const room = Buffer.allocUnsafeSlow(ROOM);
const addressRoom = new Uint8Array(ADDRESS_ROOM);
const addressLength = new Uint32Array(1);

/** The next datagram that waits at a UDP socket; undefined if none does. */
export function receiveDatagram(fd: number): Datagram | undefined {
  addressLength[0] = ADDRESS_ROOM;
  const length = ffi.tryReceiveFrom(fd, room, ROOM, MSG_DONTWAIT, addressRoom, addressLength);
  // Node is told of an error of the socket.
  if (length < 0) return undefined;
  return { message: Buffer.from(room.subarray(0, length)), sender: addressRoom.slice(0, addressLength[0]) };
}

/** Sends a datagram from a UDP socket. One that the kernel has no room for is lost, as it may be on any way. */
export function sendDatagram(fd: number, message: Uint8Array, receiver: Uint8Array): void {
  ffi.trySendTo(fd, message, message.length, MSG_DONTWAIT, receiver, receiver.length);
}
