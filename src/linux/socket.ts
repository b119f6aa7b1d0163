/**
 * Internet sockets made by hand, to be born inside a namespace window and handed to Node by their
 * fd, and to be bound before the call returns. All are non-blocking and close on exec.
 */
import { constants } from 'node:os';
import { concat, pack, readBe16, readU16, u32 } from './bytes.ts';
import * as ffi from './ffi.ts';
import { AF_INET6, familyOf, hostBytes, printHost } from './inet.ts';
import {
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  IPPROTO_SCTP,
  SOL_IPV6,
  SOL_SOCKET,
  SO_RCVBUFFORCE,
} from './headers.ts';

const { EINPROGRESS } = constants.errno;
const SO_REUSEADDR = 2;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
const SOL_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const IPV6_V6ONLY = 26;
const SOCKADDR_IN = 16;
const SOCKADDR_IN6 = 28;
/** Connections that may wait to be accepted; cut by the kernel to net.core.somaxconn. Node's own default wins where it listens on the fd. */
const BACKLOG = 4096;
/** Bytes: room for a burst while this thread is busy elsewhere. */
const RECEIVE_BUFFER = 1 << 20;

/** Until a silent peer is asked whether it is there, and between two such questions (s): as docker-proxy's. */
const KEEPALIVE = 15;

const ON = u32(1);
const KEEPALIVE_SECONDS = u32(KEEPALIVE);

/** A whole sockaddr_in or sockaddr_in6. */
export function socketAddress(address: string, port: number): Uint8Array {
  const host = hostBytes(address);
  const family = familyOf(host);
  const head = pack([family, 'u16'], [port, 'be16']);
  const rest = family === AF_INET6 ? [u32(0), host, u32(0)] : [host, new Uint8Array(8)];
  return concat([head, ...rest]);
}

/** A new socket of the address's family; closed again if `prepare` throws. */
function open(type: number, protocol: number, address: Uint8Array, prepare: (fd: number) => void): number {
  const family = readU16(address, 0);
  const fd = ffi.socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  try {
    // `::` leaves the IPv4 side of the port to a socket of its own.
    if (family === AF_INET6) ffi.setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, ON, 4);
    prepare(fd);
  } catch (error) {
    ffi.close(fd);
    throw error;
  }
  return fd;
}

function listening(protocol: number, address: string, port: number): number {
  const bytes = socketAddress(address, port);
  return open(SOCK_STREAM, protocol, bytes, (fd) => {
    ffi.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ON, 4);
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
  const bytes = socketAddress(address, port);
  return open(SOCK_DGRAM, 0, bytes, (fd) => {
    ffi.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, u32(RECEIVE_BUFFER), 4);
    ffi.bind(fd, bytes, bytes.length);
  });
}

/** The address and port that a socket is bound to. */
export function boundTo(fd: number): { readonly address: string; readonly port: number } {
  const bytes = new Uint8Array(SOCKADDR_IN6);
  const length = new Uint32Array([SOCKADDR_IN6]);
  ffi.getsockname(fd, bytes, length);
  const host = length[0] === SOCKADDR_IN ? bytes.subarray(4, 8) : bytes.subarray(8, 24);
  return { address: printHost(host), port: readBe16(bytes, 2) };
}

/** A TCP connection under way from the thread's namespace: its fd, for `new net.Socket({ fd })`, which learns of its failure. */
export function openTcpConnection(address: string, port: number): number {
  return connectTcp(socketAddress(address, port));
}

/** The same, to a whole sockaddr. Throws SystemError if it fails at once, as with ENETUNREACH. */
export function connectTcp(address: Uint8Array): number {
  return open(SOCK_STREAM, 0, address, (fd) => {
    const result = ffi.tryConnect(fd, address, address.length);
    if (result < 0 && result !== -EINPROGRESS) throw ffi.systemError('connect', -result);
  });
}

/**
 * For one side of a connection that is carried on: small messages go at once, and a peer that is gone
 * without a word is found out. What a listening socket accepts inherits it.
 */
export function setStreamOptions(fd: number): void {
  ffi.setsockopt(fd, SOL_TCP, TCP_NODELAY, ON, 4);
  ffi.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, ON, 4);
  ffi.setsockopt(fd, SOL_TCP, TCP_KEEPIDLE, KEEPALIVE_SECONDS, 4);
  ffi.setsockopt(fd, SOL_TCP, TCP_KEEPINTVL, KEEPALIVE_SECONDS, 4);
}

/** From now on closing the socket resets the connection, so that its peer sees an error and not the end of the data. */
export function resetOnClose(fd: number): void {
  ffi.setsockopt(fd, SOL_SOCKET, SO_LINGER, pack([1, 'u32'], [0, 'u32']), 8);
}

/** The next connection that waits at a listening socket: its fd; or -errno, -EAGAIN if there is none. */
export function tryAccept(fd: number): number {
  return ffi.tryAccept(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/** Takes back the address reuse that `dgram.bind({ fd })` turns on, by which another UDP socket could share the port. */
export function refuseReuse(fd: number): void {
  ffi.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, u32(0), 4);
}

export { close as closeSocket } from './ffi.ts';
