/**
 * The kernel's trace of packets through iptables-legacy's rules, of those that a rule of nftables marked
 * with `meta nftrace set 1` too. It goes to the logger of the packet's family, which is NFLOG's group 0 for
 * as long as it is listened to: no rule is needed for that in anybody's tables.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { concat, pack, readCString, u32, u8 } from '../bytes.ts';
import * as ffi from '../ffi.ts';
import {
  AF_NETLINK,
  AF_UNSPEC,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  SO_RCVBUFFORCE,
} from '../headers.ts';
import { AF_INET, AF_INET6 } from '../inet.ts';
import { decodeAttributes, encodeAttributes, type Attribute } from './attribute.ts';
import { decodeMessages, encodeMessage, endsAnswer, NLM_F_ACK, NLM_F_REQUEST } from './message.ts';
import { readPacket, type TracedHeaders } from './nftrace.ts';
import { NFGENMSG } from './rtnetlink.ts';
import { NETLINK_NETFILTER } from './socket.ts';

const { EAGAIN } = constants.errno;
const NFNL_SUBSYS_ULOG = 4;
const NFULNL_MSG_PACKET = NFNL_SUBSYS_ULOG << 8;
const NFULNL_MSG_CONFIG = NFULNL_MSG_PACKET | 1;
const NFULA_CFG_CMD = 1;
const NFULA_CFG_MODE = 2;
const NFULNL_CFG_CMD_BIND = 1;
const NFULNL_CFG_CMD_PF_BIND = 3;
const NFULNL_COPY_PACKET = 2;
const NFULA_PAYLOAD = 9;
const NFULA_PREFIX = 10;
/** Bytes: of a packet its headers, of all of them a burst. */
const HEADERS = 128;
const RECEIVE_BUFFER = 64 << 20;

/** A rule that matched, or the end of a chain; `number` counts from 1, the end of the chain included. */
export interface LegacyTraceEvent {
  readonly family: 'ip' | 'ip6';
  readonly table: string;
  readonly chain: string;
  readonly number: number;
  readonly packet: TracedHeaders;
}

export class LegacyTraceMonitor {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(1 << 18);
  readonly #loggers: readonly Logger[];

  /**
   * Listens in the namespace that the thread is in.
   *
   * @throws SystemError, EBUSY where another program has NFLOG's group 0
   */
  constructor() {
    this.#fd = ffi.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_NETFILTER);
    const loggers: Logger[] = [];
    this.#loggers = loggers;
    try {
      ffi.setsockopt(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, u32(RECEIVE_BUFFER), 4);
      this.#configure(AF_UNSPEC, [[NFULA_CFG_CMD, u8(NFULNL_CFG_CMD_BIND)]]);
      const mode = pack([0, 'be16'], [HEADERS, 'be16'], [NFULNL_COPY_PACKET, 'u8'], [0, 'u8']);
      this.#configure(AF_UNSPEC, [[NFULA_CFG_MODE, mode]]);
      for (const family of [AF_INET, AF_INET6]) {
        loggers.push(new Logger(family));
        this.#configure(family, [[NFULA_CFG_CMD, u8(NFULNL_CFG_CMD_PF_BIND)]]);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #configure(family: number, attributes: readonly Attribute[]): void {
    const payload = concat([pack([family, 'u8'], [0, 'u8'], [0, 'be16']), encodeAttributes(attributes)]);
    const flags = NLM_F_REQUEST | NLM_F_ACK;
    const message = encodeMessage({ type: NFULNL_MSG_CONFIG, flags, sequence: 1, payload });
    ffi.send(this.#fd, message, message.length, 0);
    const length = ffi.recv(this.#fd, this.#buffer, this.#buffer.length, 0);
    decodeMessages(this.#buffer.slice(0, length)).some(endsAnswer);
  }

  /** The events since the last call. Throws SystemError ENOBUFS where there were more than there is room for. */
  take(): readonly LegacyTraceEvent[] {
    const events: LegacyTraceEvent[] = [];
    for (;;) {
      const length = ffi.tryRecv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
      if (length === -EAGAIN) return events;
      if (length < 0) throw ffi.systemError('recv', -length);
      for (const { type, payload } of decodeMessages(this.#buffer.slice(0, length))) {
        if (type === NFULNL_MSG_PACKET) events.push(...read(payload));
      }
    }
  }

  /** Ends it, and gives each family the logger that it had. */
  close(): void {
    for (const logger of this.#loggers) logger.restore();
    ffi.close(this.#fd);
  }
}

/** Where the kernel's own messages about packets of a family go, in the namespace that it was made in. */
class Logger {
  readonly #fd: number;
  readonly #name: string;

  constructor(family: number) {
    // What is opened stays that of its namespace.
    this.#fd = openSync(`/proc/sys/net/netfilter/nf_log/${family}`, 'r+');
    const bytes = new Uint8Array(64);
    this.#name = new TextDecoder().decode(bytes.subarray(0, readSync(this.#fd, bytes, 0, bytes.length, 0))).trim();
  }

  restore(): void {
    try {
      writeSync(this.#fd, `${this.#name}\n`, 0);
    } finally {
      closeSync(this.#fd);
    }
  }
}

/** `TRACE: filter:FORWARD:rule:3 ` */
const PREFIX = /^TRACE: (\w+):(.+):(?:rule|return|policy):(\d+) $/;

function read(message: Uint8Array): readonly LegacyTraceEvent[] {
  const attributes = decodeAttributes(message.subarray(NFGENMSG));
  const [, table, chain, number] = PREFIX.exec(readCString(attributes.get(NFULA_PREFIX) ?? new Uint8Array())) ?? [];
  const packet = readPacket(attributes.get(NFULA_PAYLOAD) ?? new Uint8Array());
  if (table === undefined || chain === undefined || !packet) return [];
  const family = message[0] === AF_INET ? 'ip' : 'ip6';
  return [{ family, table, chain, number: Number(number), packet }];
}
