/** The kernel's own trace of packets through nftables' rules (NFNLGRP_NFTRACE). */
import { pack, readBe16, readCString, u32 } from '../../src/linux/bytes.ts';
import * as ffi from '../../src/linux/ffi.ts';
import { withNamespace } from '../../src/linux/namespace.ts';
import { decodeAttributes, decodeNested } from '../../src/linux/netlink/attribute.ts';
import { decodeMessages } from '../../src/linux/netlink/message.ts';
import { inside, namespacePath } from './stage.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_NETFILTER = 12;
const NFNLGRP_NFTRACE = 9;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const MSG_DONTWAIT = 0x40;
const HEADER = 4;

const NFTA_TRACE_TABLE = 1;
const NFTA_TRACE_CHAIN = 2;
const NFTA_TRACE_RULE_HANDLE = 3;
const NFTA_TRACE_TYPE = 4;
const NFTA_TRACE_VERDICT = 5;
const NFTA_TRACE_ID = 6;
const NFTA_TRACE_NETWORK_HEADER = 8;
const NFTA_TRACE_TRANSPORT_HEADER = 9;
const NFTA_VERDICT_CODE = 1;

export const TRACE_TABLE = 'w-trace';

export interface TraceEvent {
  readonly kind: 'rule' | 'policy' | 'return';
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly verdict: 'accept' | 'drop' | 'other';
  readonly trace: string;
  /** The packet's IP id and source port (ICMP: identifier); undefined where the event does not bear the packet. */
  readonly packet: { readonly id: number; readonly sourcePort: number } | undefined;
}

const KINDS = ['return', 'policy', 'return', 'rule'] as const;

/** Marks every packet of a namespace for tracing. */
export function startTracing(name: string): void {
  inside(
    name,
    ['nft', '-f', '-'],
    `table ip ${TRACE_TABLE} {
      chain first { type filter hook prerouting priority -450; meta nftrace set 1; }
      chain out { type filter hook output priority -450; meta nftrace set 1; }
    }`,
  );
}

export class Tracer {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(65_536);

  constructor(name: string) {
    this.#fd = withNamespace(namespacePath(name), () => {
      const fd = ffi.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_NETFILTER);
      ffi.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, u32(64 << 20), 4);
      const address = pack([AF_NETLINK, 'u16'], [0, 'u16'], [0, 'u32'], [1 << (NFNLGRP_NFTRACE - 1), 'u32']);
      ffi.bind(fd, address, address.length);
      return fd;
    });
  }

  /** The events since the last call. Throws if the kernel had to drop some. */
  take(): TraceEvent[] {
    const events: TraceEvent[] = [];
    for (;;) {
      try {
        const length = ffi.recv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
        for (const { payload } of decodeMessages(this.#buffer.slice(0, length))) {
          events.push(read(payload));
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

const big = (bytes: Uint8Array = new Uint8Array()) => bytes.reduce((all, byte) => all * 256 + byte, 0);

function read(payload: Uint8Array): TraceEvent {
  const attributes = decodeAttributes(payload.subarray(HEADER));
  const text = (type: number) => readCString(attributes.get(type) ?? new Uint8Array());
  const network = attributes.get(NFTA_TRACE_NETWORK_HEADER);
  const code = big(decodeNested(attributes, NFTA_TRACE_VERDICT).get(NFTA_VERDICT_CODE)) | 0;
  return {
    kind: KINDS[big(attributes.get(NFTA_TRACE_TYPE))] ?? 'return',
    table: text(NFTA_TRACE_TABLE),
    chain: text(NFTA_TRACE_CHAIN),
    handle: big(attributes.get(NFTA_TRACE_RULE_HANDLE)),
    verdict: code === 1 ? 'accept' : code === 0 ? 'drop' : 'other',
    trace: String(big(attributes.get(NFTA_TRACE_ID))),
    packet: readPacket(network, attributes.get(NFTA_TRACE_TRANSPORT_HEADER)),
  };
}

function readPacket(network: Uint8Array | undefined, transport: Uint8Array | undefined): TraceEvent['packet'] {
  if (!network || network.length < 20) return undefined;
  const isIcmp = network[9] === 1;
  const sourcePort = transport && transport.length >= 6 ? readBe16(transport, isIcmp ? 4 : 0) : 0;
  return { id: readBe16(network, 4), sourcePort };
}
