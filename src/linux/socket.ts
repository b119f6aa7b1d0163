/**
 * Internet sockets made by hand, to be born inside a namespace window and handed to Node by their fd.
 */
import { pack, u32 } from './bytes.ts';
import * as ffi from './ffi.ts';

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const BACKLOG = 128;

function open(type: number, address: string, port: number): number {
  const sockaddr = new Uint8Array(16);
  sockaddr.set(pack([AF_INET, 'u16'], [port, 'be16']));
  sockaddr.set(address.split('.').map(Number), 4);
  const fd = ffi.socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  try {
    if (type === SOCK_STREAM) ffi.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, u32(1), 4);
    ffi.bind(fd, sockaddr, sockaddr.length);
    if (type === SOCK_STREAM) ffi.listen(fd, BACKLOG);
  } catch (error) {
    ffi.close(fd);
    throw error;
  }
  return fd;
}

/** A UDP socket bound to an IPv4 address and port (0: any) of the thread's namespace: its fd, for `dgram.bind({ fd })`. */
export function openUdp(address: string, port: number): number {
  return open(SOCK_DGRAM, address, port);
}

/** A listening TCP socket on an IPv4 address and port (0: any) of the thread's namespace: its fd, for `listen({ fd })`. */
export function openTcpListener(address: string, port: number): number {
  return open(SOCK_STREAM, address, port);
}
