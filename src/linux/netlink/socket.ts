import { constants } from 'node:os';
import { concat, cString, pack, packBig, readU16, readU32, u32 } from '../bytes.ts';
import * as ffi from '../ffi.ts';
import { type Attribute, encodeAttributes } from './attribute.ts';
import type { NftRequest } from './nftables.ts';
import {
  decodeMessages,
  encodeMessage,
  endsAnswer,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  type Message,
  type NetlinkError,
  refusalIn,
} from './message.ts';
import { AF_NETLINK, LINK_NAME, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET, SO_RCVBUFFORCE } from '../headers.ts';

const { EAGAIN, ENOBUFS, ENODEV } = constants.errno;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_TRUNC = 0x20;

/** The kernel answers within the call that asks; this only bounds the wait for what never comes (s). */
const TIMEOUT = 10;
/** The same where the call that asks is made elsewhere: it may wait for others who hold the kernel's lock of links (s). */
const PATIENCE = 120;
/** A dump's datagrams are at most 32 KiB. */
const DATAGRAM = 64 * 1024;
/** What is received, of whatever socket, until it is read: one of each socket's own would be fresh memory each time. */
const BUFFER = new Uint8Array(DATAGRAM);
const RECEIVE_BUFFER = 1024 * 1024;
/** A larger message needs more room than a socket has at first. */
const SEND_BUFFER = 64 * 1024;
const SO_SNDBUFFORCE = 32;
const SIOCGIFINDEX = 0x8933;
const IFREQ = 40;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFNL_BATCH_GENID = 1;
/** A struct nfgenmsg for nftables, which is number 10, in network byte order. */
const BATCH_HEADER = Uint8Array.of(0, 0, 0, 10);
/** How often a dump is begun again because what it lists changed meanwhile. */
const DUMPS = 10;

function open(protocol: number, groups: number, room = RECEIVE_BUFFER): number {
  const fd = ffi.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  try {
    // struct timeval has two longs.
    ffi.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(new BigInt64Array([BigInt(TIMEOUT), 0n]).buffer), 16);
    ffi.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, u32(room), 4);
    ffi.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, u32(1), 4);
    ffi.setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, u32(1), 4);
    const address = pack([AF_NETLINK, 'u16'], [0, 'u16'], [0, 'u32'], [groups, 'u32']);
    ffi.bind(fd, address, address.length);
  } catch (error) {
    ffi.close(fd);
    throw error;
  }
  return fd;
}

/**
 * A conversation with the kernel, in the namespace that the thread was in when it was opened.
 * It holds that namespace until it is closed.
 */
export class NetlinkSocket {
  readonly #fd: number;
  #sequence = 0;

  constructor(protocol: number) {
    this.#fd = open(protocol, 0);
  }

  /** Asks for one thing to be done or answered. Returns the answers, if any. Throws NetlinkError. */
  request(type: number, flags: number, ...payload: readonly Uint8Array[]): readonly Message[] {
    return this.#ask(type, flags | NLM_F_ACK, concat(payload)).answers;
  }

  /** Asks for a list: one that was true at one moment, or as near to it as a busy kernel gets. */
  dump(type: number, ...payload: readonly Uint8Array[]): readonly Message[] {
    for (let attempt = 1; ; attempt += 1) {
      const { answers, interrupted } = this.#ask(type, NLM_F_DUMP, concat(payload));
      if (!interrupted || attempt === DUMPS) return answers;
    }
  }

  /** The index of a link of the socket's namespace, without the kernel's lock of links. Throws SystemError ENODEV. */
  indexOf(link: string): number {
    const name = cString(link);
    if (name.length > LINK_NAME) throw ffi.systemError('ioctl', ENODEV);
    // struct ifreq: the name, and what is asked for.
    const request = new Uint8Array(IFREQ);
    request.set(name);
    ffi.ioctl(this.#fd, SIOCGIFINDEX, request);
    return readU32(request, LINK_NAME);
  }

  /**
   * Sends messages to netfilter as one transaction: all or nothing. Gives the refused ones, by their index; -1 for
   * what is refused of the whole, as it is if nftables is at another `generation` than the one that is given.
   */
  transact(
    requests: readonly NftRequest[],
    generation?: number,
  ): readonly { readonly index: number; readonly error: NetlinkError }[] {
    const first = this.#sequence + 1;
    const condition: Attribute[] = generation === undefined ? [] : [[NFNL_BATCH_GENID, packBig(generation, 4)]];
    const begin = { type: NFNL_MSG_BATCH_BEGIN, flags: 0, payload: encodeAttributes(condition, BATCH_HEADER) };
    const end = { type: NFNL_MSG_BATCH_END, flags: 0, payload: BATCH_HEADER };
    const batch = [begin, ...requests, end].map((request) =>
      encodeMessage({ ...request, flags: request.flags | NLM_F_REQUEST, sequence: (this.#sequence += 1) }),
    );
    const bytes = concat(batch);
    if (bytes.length > SEND_BUFFER) ffi.setsockopt(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, u32(2 * bytes.length), 4);
    ffi.send(this.#fd, bytes, bytes.length, 0);
    return [...this.#received()].flatMap((message) => {
      const index = message.sequence - first - 1;
      const error = index >= -1 ? refusalIn(message) : undefined;
      return error ? [{ index: index < requests.length ? index : -1, error }] : [];
    });
  }

  /** What the kernel has answered, without waiting for more. */
  *#received(): Iterable<Message> {
    for (;;) {
      const length = ffi.tryRecv(this.#fd, BUFFER, DATAGRAM, MSG_DONTWAIT);
      if (length === -EAGAIN) return;
      if (length < 0) throw ffi.systemError('recv', -length);
      yield* decodeMessages(BUFFER.slice(0, length));
    }
  }

  #send(type: number, flags: number, payload: Uint8Array): number {
    const sequence = (this.#sequence = (this.#sequence + 1) >>> 0);
    const bytes = encodeMessage({ type, flags: flags | NLM_F_REQUEST, sequence, payload });
    ffi.send(this.#fd, bytes, bytes.length, 0);
    return sequence;
  }

  /** The messages of one datagram; none of the rest of an answer that was given up after an error or a timeout. */
  #receive(sequence: number): readonly Message[] {
    const length = ffi.recv(this.#fd, BUFFER, DATAGRAM, MSG_TRUNC);
    if (length > DATAGRAM) throw new Error(`a netlink answer of ${length} bytes does not fit ${DATAGRAM}`);
    return decodeMessages(BUFFER.slice(0, length)).filter((message) => message.sequence === sequence);
  }

  #ask(type: number, flags: number, payload: Uint8Array) {
    const sequence = this.#send(type, flags, payload);
    const answers: Message[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of this.#receive(sequence)) {
        if (message.flags & NLM_F_DUMP_INTR) interrupted = true;
        if (endsAnswer(message)) return { answers, interrupted };
        answers.push(message);
      }
    }
  }

  close(): void {
    ffi.close(this.#fd);
  }
}

/**
 * Makes a request that the kernel keeps its sender waiting for, also long after it is done: another
 * thread waits. Returns what waits until a message of the multicast `groups` tells that it `isDone`, or
 * for the answer, and throws NetlinkError if that is a refusal; it is to be called once.
 */
export function requestAside(
  protocol: number,
  request: Pick<Message, 'type' | 'payload'>,
  groups: number,
  isDone: (message: Message) => boolean,
): () => void {
  const monitor = new NetlinkMonitor(protocol, groups);
  let fd: number;
  try {
    fd = open(protocol, 0);
  } catch (error) {
    monitor.close();
    throw error;
  }
  const bytes = encodeMessage({ ...request, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 1 });
  ffi.sendAside(fd, bytes, () => ffi.close(fd));
  return () => {
    try {
      for (;;) {
        const ready = readable([monitor.fd, fd], PATIENCE * 1000);
        if (ready.length === 0) throw new Error(`the kernel did not answer within ${PATIENCE} s`);
        if (monitor.take().messages.some(isDone)) return;
        if (!ready.includes(fd)) continue;
        const length = ffi.recv(fd, BUFFER, DATAGRAM, 0);
        if (decodeMessages(BUFFER.subarray(0, length)).some(endsAnswer)) return;
      }
    } finally {
      monitor.close();
    }
  };
}

const POLLIN = 1;

/** Those of the descriptors that can be read from, be it an error; none after `timeout` (ms). */
export function readable(fds: readonly number[], timeout: number): readonly number[] {
  // struct pollfd: the descriptor, what is waited for, what has come.
  const entries = concat(fds.map((fd) => pack([fd, 'u32'], [POLLIN, 'u16'], [0, 'u16'])));
  try {
    ffi.poll(entries, fds.length, timeout);
  } catch (error) {
    // A signal came, to a profiler for example.
    if (error instanceof ffi.SystemError && error.code === 'EINTR') return readable(fds, timeout);
    throw error;
  }
  return fds.filter((_, index) => readU16(entries, index * 8 + 6) !== 0);
}

/** An ear for the kernel's multicast groups (a bit mask, group 1 is bit 0), in the thread's namespace. */
export class NetlinkMonitor {
  readonly #fd: number;

  /** `room`: bytes that may wait to be taken. */
  constructor(protocol: number, groups: number, room = RECEIVE_BUFFER) {
    this.#fd = open(protocol, groups, room);
  }

  get fd(): number {
    return this.#fd;
  }

  /** Takes what has come since the last call, without waiting; says whether anything had. */
  heard(): boolean {
    let something = false;
    const lost = this.#take(() => (something = true));
    return lost || something;
  }

  /** The messages that have come since the last call, without waiting; more may have come than there is room for. */
  take(): { readonly messages: readonly Message[]; readonly lost: boolean } {
    const messages: Message[] = [];
    const lost = this.#take((length) => messages.push(...decodeMessages(BUFFER.slice(0, length))));
    return { messages, lost };
  }

  /** Gives the length of each datagram that is in the buffer; says whether some were lost. */
  #take(datagram: (length: number) => void): boolean {
    for (let lost = false; ;) {
      const length = ffi.tryRecv(this.#fd, BUFFER, DATAGRAM, MSG_DONTWAIT);
      if (length >= 0) datagram(length);
      else if (length === -EAGAIN) return lost;
      else if (length === -ENOBUFS) lost = true;
      else throw ffi.systemError('recv', -length);
    }
  }

  close(): void {
    ffi.close(this.#fd);
  }
}
