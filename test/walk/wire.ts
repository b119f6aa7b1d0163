/** Raw sockets in a namespace: packets out as they are, and everything that comes in. */
import { concat, pack, u32 } from '../../src/linux/bytes.ts';
import * as ffi from '../../src/linux/ffi.ts';
import { AF_INET, AF_INET6, type AddressFamily, familyOf, hostBytes } from '../../src/linux/inet.ts';
import { withNamespace } from '../../src/linux/namespace.ts';
import { socketAddress } from '../../src/linux/socket.ts';
import { namespacePath } from './stage.ts';
import {
  AF_PACKET,
  ETH_P_IP,
  ETH_P_IPV6,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  SO_RCVBUFFORCE,
} from '../../src/linux/headers.ts';

const IPPROTO_RAW = 255;
const ETH_P_ALL = 0x0300;
const SOL_PACKET = 263;
const PACKET_IGNORE_OUTGOING = 23;

export class Wire {
  /** By the family of what is sent. */
  readonly #raw: Readonly<Record<AddressFamily, number>>;
  readonly #packets: number;
  readonly #buffer = new Uint8Array(65_536);

  constructor(name: string) {
    [this.#raw, this.#packets] = withNamespace(namespacePath(name), () => {
      const open = (family: AddressFamily) => ffi.socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
      const raw = { [AF_INET]: open(AF_INET), [AF_INET6]: open(AF_INET6) };
      const packets = ffi.socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, ETH_P_ALL);
      ffi.setsockopt(packets, SOL_PACKET, PACKET_IGNORE_OUTGOING, u32(1), 4);
      ffi.setsockopt(packets, SOL_SOCKET, SO_RCVBUFFORCE, u32(16 << 20), 4);
      return [raw, packets];
    });
  }

  /** By the namespace's own routes. Returns the error's name, or undefined. */
  send(packet: Uint8Array, destination: string): string | undefined {
    const raw = this.#raw[familyOf(hostBytes(destination))];
    return this.#send(raw, packet, socketAddress(destination, 0));
  }

  /** As a frame of a link, past all routes and rules. */
  frame(packet: Uint8Array, index: number, mac: string): string | undefined {
    const etherType = packet[0]! >>> 4 === 4 ? ETH_P_IP : ETH_P_IPV6;
    const head = pack([AF_PACKET, 'u16'], [etherType, 'be16'], [index, 'u32'], [0, 'u16'], [0, 'u8'], [6, 'u8']);
    const target = new Uint8Array(8);
    target.set(mac.split(':').map((octet) => Number.parseInt(octet, 16)));
    return this.#send(this.#packets, packet, concat([head, target]));
  }

  #send(fd: number, packet: Uint8Array, address: Uint8Array): string | undefined {
    try {
      ffi.sendto(fd, packet, packet.length, 0, address, address.length);
      return undefined;
    } catch (error) {
      if (error instanceof ffi.SystemError) return error.code;
      throw error;
    }
  }

  /** Everything that came in since the last call, from the IP header on. */
  take(): Uint8Array[] {
    const packets: Uint8Array[] = [];
    for (;;) {
      try {
        const length = ffi.recv(this.#packets, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
        packets.push(this.#buffer.slice(0, length));
      } catch (error) {
        if (error instanceof ffi.SystemError && error.code === 'EAGAIN') return packets;
        throw error;
      }
    }
  }

  close(): void {
    for (const fd of Object.values(this.#raw)) ffi.close(fd);
    ffi.close(this.#packets);
  }
}
