/** A socket that sends one real packet and hears what becomes of it, as any program's would. */
import { constants } from 'node:os';
import { randomInt } from 'node:crypto';
import { pack, readBe16, readI32, u32 } from './bytes.ts';
import * as ffi from './ffi.ts';
import { AF_INET, AF_INET6, type AddressFamily, familyOf, hostBytes } from './inet.ts';
import { boundTo, socketAddress } from './socket.ts';
import {
  IPPROTO_ICMPV6,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_STREAM,
  SOL_IPV6,
  SOL_SOCKET,
} from './headers.ts';

export interface ProbeTarget {
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  readonly destination: string;
  /** 0 for ICMP. */
  readonly port: number;
}

const { EAGAIN } = constants.errno;
const IPPROTO_ICMP = 1;
const SO_ERROR = 4;
const SOL_IP = 0;
const IP_RECVERR = 11;
const IPV6_RECVERR = 25;
const POLLOUT = 4;
/** Of IPv4's echo: as long as a SYN with its options. */
const ECHO_PAYLOAD = 32;

const TYPES = { tcp: SOCK_STREAM, udp: SOCK_DGRAM, icmp: SOCK_RAW } as const;

export class ProbeSocket {
  /** The address that the kernel sends from; undefined: it has none for that destination. */
  readonly source: string | undefined;
  /** The port, or the identifier of the echo request. */
  readonly sourcePort: number;
  /** Bytes of the packet, the IP header included. */
  readonly size: number;
  readonly #target: ProbeTarget;
  readonly #family: AddressFamily;
  readonly #address: Uint8Array;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(2048);
  /** What the sending call itself said. */
  #refusal: string | undefined;

  /** Opened in the namespace that the thread is in; it sends nothing yet. */
  constructor(target: ProbeTarget) {
    const { protocol, destination, port } = target;
    this.#target = target;
    const family = familyOf(hostBytes(destination));
    this.#family = family;
    this.#address = socketAddress(destination, port);
    const six = family === AF_INET6;
    this.size = (six ? 40 : 20) + { tcp: 40, udp: 8, icmp: 8 + ECHO_PAYLOAD }[protocol];
    this.source = sourceFor(destination);
    const number = protocol === 'icmp' ? (six ? IPPROTO_ICMPV6 : IPPROTO_ICMP) : 0;
    this.#fd = ffi.socket(family, TYPES[protocol] | SOCK_NONBLOCK | SOCK_CLOEXEC, number);
    try {
      if (protocol === 'icmp') {
        this.sourcePort = randomInt(1, 0x10000);
        ffi.setsockopt(this.#fd, six ? SOL_IPV6 : SOL_IP, six ? IPV6_RECVERR : IP_RECVERR, u32(1), 4);
      } else {
        const any = socketAddress(six ? '::' : '0.0.0.0', 0);
        ffi.bind(this.#fd, any, any.length);
        this.sourcePort = boundTo(this.#fd).port;
      }
    } catch (error) {
      ffi.close(this.#fd);
      throw error;
    }
  }

  send(): void {
    try {
      ffi.connect(this.#fd, this.#address, this.#address.length);
      if (this.#target.protocol === 'udp') ffi.send(this.#fd, new Uint8Array(), 0, 0);
      if (this.#target.protocol === 'icmp') {
        const echo = this.#echo();
        ffi.send(this.#fd, echo, echo.length, 0);
      }
    } catch (error) {
      if (!(error instanceof ffi.SystemError)) throw error;
      if (error.code !== 'EINPROGRESS') this.#refusal = error.code;
    }
  }

  /** `answered`, or the name of the error that the program is told; undefined: nothing yet. */
  outcome(): string | undefined {
    if (this.#refusal !== undefined) return this.#refusal;
    return this.#target.protocol === 'tcp' ? this.#connected() : this.#received();
  }

  close(): void {
    ffi.close(this.#fd);
  }

  #connected(): string | undefined {
    // struct pollfd: the descriptor, what is waited for, what has come.
    if (ffi.poll(pack([this.#fd, 'u32'], [POLLOUT, 'u16'], [0, 'u16']), 1, 0) === 0) return undefined;
    const value = new Uint8Array(4);
    ffi.getsockopt(this.#fd, SOL_SOCKET, SO_ERROR, value, new Uint32Array([value.length]));
    const errno = readI32(value, 0);
    return errno === 0 ? 'answered' : ffi.describeErrno(errno).code;
  }

  #received(): string | undefined {
    for (;;) {
      const length = ffi.tryRecv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
      if (length === -EAGAIN) return undefined;
      if (length < 0) return ffi.describeErrno(-length).code;
      if (this.#target.protocol === 'udp' || this.#isReply(this.#buffer.subarray(0, length))) return 'answered';
    }
  }

  #echo(): Uint8Array {
    const echo = new Uint8Array(8 + ECHO_PAYLOAD);
    const view = new DataView(echo.buffer);
    view.setUint8(0, this.#family === AF_INET ? 8 : 128);
    view.setUint16(4, this.sourcePort);
    view.setUint16(6, 1);
    // Of IPv6 the kernel makes the sum by itself.
    if (this.#family === AF_INET) view.setUint16(2, checksum(view));
    return echo;
  }

  /** A raw socket hears of all that its peer answers to anybody. */
  #isReply(packet: Uint8Array): boolean {
    const message = this.#family === AF_INET ? packet.subarray((packet[0]! & 15) * 4) : packet;
    return message.length >= 8 && [0, 129].includes(message[0]!) && readBe16(message, 4) === this.sourcePort;
  }
}

function checksum(view: DataView): number {
  let sum = 0;
  for (let at = 0; at < view.byteLength; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Connecting a datagram socket sends nothing, and makes the kernel choose the way. */
function sourceFor(destination: string): string | undefined {
  const bytes = socketAddress(destination, 9);
  const fd = ffi.socket(familyOf(hostBytes(destination)), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    ffi.connect(fd, bytes, bytes.length);
    return boundTo(fd).address;
  } catch (error) {
    if (error instanceof ffi.SystemError) return undefined;
    throw error;
  } finally {
    ffi.close(fd);
  }
}
