/**
 * The kernel's trace of packets through iptables-legacy's rules: it goes to the logger of the packet's
 * family, of packets that nftables' `meta nftrace` marked too. NFLOG's group 0 gets it here.
 */
import { concat, pack, readCString, u32, u8 } from '../../src/linux/bytes.ts';
import * as ffi from '../../src/linux/ffi.ts';
import { AF_INET, AF_INET6 } from '../../src/linux/inet.ts';
import { withNamespace } from '../../src/linux/namespace.ts';
import { decodeAttributes, encodeAttributes, type Attribute } from '../../src/linux/netlink/attribute.ts';
import {
  decodeMessages,
  encodeMessage,
  endsAnswer,
  NLM_F_ACK,
  NLM_F_REQUEST,
} from '../../src/linux/netlink/message.ts';
import { decode, type RawPacket } from './packet.ts';
import { namespacePath } from './stage.ts';
import {
  AF_NETLINK,
  AF_UNSPEC,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  SO_RCVBUFFORCE,
} from '../../src/linux/headers.ts';

const NETLINK_NETFILTER = 12;
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
const HEADER = 4;

/** A rule that matched, or the end of a chain; `number` counts from 1, the end of the chain included. */
export interface LegacyEvent {
  readonly table: string;
  readonly chain: string;
  readonly number: number;
  readonly packet: RawPacket;
}

export class LegacyTracer {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(1 << 18);

  constructor(name: string) {
    this.#fd = withNamespace(namespacePath(name), () => {
      const fd = ffi.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_NETFILTER);
      ffi.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, u32(64 << 20), 4);
      return fd;
    });
    for (const family of [AF_INET, AF_INET6]) this.#configure(family, [[NFULA_CFG_CMD, u8(NFULNL_CFG_CMD_PF_BIND)]]);
    this.#configure(AF_UNSPEC, [[NFULA_CFG_CMD, u8(NFULNL_CFG_CMD_BIND)]]);
    const bytes = pack([0, 'be16'], [128, 'be16'], [NFULNL_COPY_PACKET, 'u8'], [0, 'u8']);
    this.#configure(AF_UNSPEC, [[NFULA_CFG_MODE, bytes]]);
  }

  #configure(family: number, attributes: readonly Attribute[]): void {
    const payload = concat([pack([family, 'u8'], [0, 'u8'], [0, 'be16']), encodeAttributes(attributes)]);
    const flags = NLM_F_REQUEST | NLM_F_ACK;
    const message = encodeMessage({ type: NFULNL_MSG_CONFIG, flags, sequence: 1, payload });
    ffi.send(this.#fd, message, message.length, 0);
    const length = ffi.recv(this.#fd, this.#buffer, this.#buffer.length, 0);
    decodeMessages(this.#buffer.slice(0, length)).some(endsAnswer);
  }

  /** The events since the last call. Throws if the kernel had to drop some. */
  take(): readonly LegacyEvent[] {
    const events: LegacyEvent[] = [];
    for (;;) {
      try {
        const length = ffi.recv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
        for (const { type, payload } of decodeMessages(this.#buffer.slice(0, length))) {
          if (type === NFULNL_MSG_PACKET) events.push(...read(payload));
        }
      } catch (error) {
        if (error instanceof ffi.SystemError && error.code === 'EAGAIN') return events;
        throw error;
      }
    }
  }

  close(): void {
    ffi.close(this.#fd);
  }
}

/** `TRACE: filter:FORWARD:rule:3 ` */
const PREFIX = /^TRACE: (\w+):(.+):(?:rule|return|policy):(\d+) $/;

function read(message: Uint8Array): readonly LegacyEvent[] {
  const attributes = decodeAttributes(message.subarray(HEADER));
  const [, table, chain, number] = PREFIX.exec(readCString(attributes.get(NFULA_PREFIX) ?? new Uint8Array())) ?? [];
  const packet = decode(attributes.get(NFULA_PAYLOAD) ?? new Uint8Array());
  return table !== undefined && chain !== undefined && packet ? [{ table, chain, number: Number(number), packet }] : [];
}
