/**
 * Internet sockets made by hand, to be born inside a namespace window and handed to Node by their
 * fd, and to be bound before the call returns. All are non-blocking and close on exec.
 */
import { concat, pack, u32 } from './bytes.ts';
import * as ffi from './ffi.ts';
import { AF_INET6, familyOf, hostBytes } from './inet.ts';

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_SCTP = 132;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVBUFFORCE = 33;
const SOL_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** Connections that may wait to be accepted; cut by the kernel to net.core.somaxconn. Node's own default wins unless it is `listen({ fd }, BACKLOG)`. */
export const BACKLOG = 4096;
/** Bytes: room for a burst while this thread is busy elsewhere. */
const RECEIVE_BUFFER = 1 << 20;

/** A whole sockaddr_in or sockaddr_in6. */
function socketAddress(address: string, port: number): { readonly family: number; readonly bytes: Uint8Array } {
  const host = hostBytes(address);
  const family = familyOf(host);
  const head = pack([family, 'u16'], [port, 'be16']);
  const rest = family === AF_INET6 ? [u32(0), host, u32(0)] : [host, new Uint8Array(8)];
  return { family, bytes: concat([head, ...rest]) };
}

/** A new socket of the address's family; closed again if `prepare` throws. */
function open(
  type: number,
  protocol: number,
  address: string,
  port: number,
  prepare: (fd: number, address: Uint8Array) => void,
): number {
  const { family, bytes } = socketAddress(address, port);
  const fd = ffi.socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  try {
    // `::` leaves the IPv4 side of the port to a socket of its own.
    if (family === AF_INET6) ffi.setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, u32(1), 4);
    prepare(fd, bytes);
  } catch (error) {
    ffi.close(fd);
    throw error;
  }
  return fd;
}

function listening(protocol: number, address: string, port: number): number {
  return open(SOCK_STREAM, protocol, address, port, (fd, bytes) => {
    ffi.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, u32(1), 4);
    ffi.bind(fd, bytes, bytes.length);
    ffi.listen(fd, BACKLOG);
  });
}

/** A listening TCP socket on an address and port (0: any) of the thread's namespace: its fd, for `listen({ fd })`. */
export function openTcpListener(address: string, port: number): number {
  return listening(0, address, port);
}

/** A listening SCTP socket. Throws EPROTONOSUPPORT where the kernel has no SCTP. */
export function openSctpListener(address: string, port: number): number {
  return listening(IPPROTO_SCTP, address, port);
}

/** A UDP socket bound to an address and port (0: any) of the thread's namespace: its fd, for `dgram.bind({ fd })`. */
export function openUdp(address: string, port: number): number {
  return open(SOCK_DGRAM, 0, address, port, (fd, bytes) => {
    ffi.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, u32(RECEIVE_BUFFER), 4);
    ffi.bind(fd, bytes, bytes.length);
  });
}

/** A TCP connection under way from the thread's namespace: its fd, for `new net.Socket({ fd })`, which learns of its failure. */
export function openTcpConnection(address: string, port: number): number {
  return open(SOCK_STREAM, 0, address, port, (fd, bytes) => {
    try {
      ffi.connect(fd, bytes, bytes.length);
    } catch (error) {
      if (!(error instanceof ffi.SystemError && error.code === 'EINPROGRESS')) throw error;
    }
  });
}

/** Takes back the address reuse that `dgram.bind({ fd })` turns on, by which another UDP socket could share the port. */
export function refuseReuse(fd: number): void {
  ffi.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, u32(0), 4);
}

export { close as closeSocket } from './ffi.ts';
