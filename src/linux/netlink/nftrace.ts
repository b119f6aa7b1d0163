/** The kernel's own trace of packets through nftables' rules, of those that a rule marked with `meta nftrace set 1`. */
import { readBe16, readBig, readCString } from '../bytes.ts';
import { printHost } from '../inet.ts';
import { decodeAttributes, decodeNested } from './attribute.ts';
import { NETLINK_NETFILTER, NetlinkMonitor } from './socket.ts';
import { NFGENMSG } from './rtnetlink.ts';

const NFNLGRP_NFTRACE = 9;
/** Bytes: a burst of packets is some kB each. */
const RECEIVE_BUFFER = 64 << 20;

const NFTA_TRACE_TABLE = 1;
const NFTA_TRACE_CHAIN = 2;
const NFTA_TRACE_RULE_HANDLE = 3;
const NFTA_TRACE_TYPE = 4;
const NFTA_TRACE_VERDICT = 5;
const NFTA_TRACE_ID = 6;
const NFTA_TRACE_NETWORK_HEADER = 8;
const NFTA_TRACE_TRANSPORT_HEADER = 9;
const NFTA_TRACE_IIF = 10;
const NFTA_TRACE_OIF = 12;
const NFTA_TRACE_POLICY = 16;
const NFTA_VERDICT_CODE = 1;

const KINDS = ['return', 'policy', 'return', 'rule'] as const;
const FAMILIES: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 5: 'netdev', 7: 'bridge', 10: 'ip6' };

/** A packet as far as its first bytes tell. */
export interface TracedHeaders {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  /** IPv4's identification, IPv6's flow label. */
  readonly id: number;
  /** 0 where the protocol has none; ICMP echo: both are the identifier. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TCP only: FIN 1, SYN 2, RST 4, PSH 8, ACK 16. */
  readonly flags: number;
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly ttl: number;
}

export interface TraceEvent {
  /** `return`: a chain came to its end; of a base chain `policy` follows. */
  readonly kind: 'rule' | 'policy' | 'return';
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** Of a rule. */
  readonly handle: number;
  readonly verdict: 'accept' | 'drop' | 'other';
  /** One packet's events in one namespace have one, most of the time. */
  readonly trace: number;
  /** Indexes of links; 0 where the hook has none. They and the packet come with the first event of each base chain only. */
  readonly inLink: number;
  readonly outLink: number;
  readonly packet: TracedHeaders | undefined;
}

/** Listens in the namespace that the thread is in when it is made. */
export class TraceMonitor {
  readonly #monitor = new NetlinkMonitor(NETLINK_NETFILTER, 1 << (NFNLGRP_NFTRACE - 1), RECEIVE_BUFFER);

  /** The events since the last call; `lost`: there were more than there is room for. */
  take(): { readonly events: readonly TraceEvent[]; readonly lost: boolean } {
    const { messages, lost } = this.#monitor.take();
    return { events: messages.map(({ payload }) => read(payload)), lost };
  }

  close(): void {
    this.#monitor.close();
  }
}

function read(payload: Uint8Array): TraceEvent {
  const attributes = decodeAttributes(payload.subarray(NFGENMSG));
  const text = (type: number) => readCString(attributes.get(type) ?? new Uint8Array());
  const handle = readBig(attributes.get(NFTA_TRACE_RULE_HANDLE));
  const told = KINDS[readBig(attributes.get(NFTA_TRACE_TYPE))] ?? 'return';
  // A chain's end is told as a rule that has no handle too.
  const kind = told === 'rule' && handle === 0 ? 'return' : told;
  const verdict = kind === 'policy' ? attributes.get(NFTA_TRACE_POLICY) : undefined;
  const code = readBig(verdict ?? decodeNested(attributes, NFTA_TRACE_VERDICT).get(NFTA_VERDICT_CODE)) | 0;
  return {
    kind,
    family: FAMILIES[payload[0] ?? 0] ?? '',
    table: text(NFTA_TRACE_TABLE),
    chain: text(NFTA_TRACE_CHAIN),
    handle,
    verdict: code === 1 ? 'accept' : code === 0 ? 'drop' : 'other',
    trace: readBig(attributes.get(NFTA_TRACE_ID)),
    inLink: readBig(attributes.get(NFTA_TRACE_IIF)),
    outLink: readBig(attributes.get(NFTA_TRACE_OIF)),
    packet: readHeaders(attributes.get(NFTA_TRACE_NETWORK_HEADER), attributes.get(NFTA_TRACE_TRANSPORT_HEADER)),
  };
}

const ICMP = 1;
const TCP = 6;
const ICMP6 = 58;

/** A packet in one piece. */
export function readPacket(bytes: Uint8Array): TracedHeaders | undefined {
  const length = (bytes[0] ?? 0) >>> 4 === 4 ? ((bytes[0] ?? 0) & 15) * 4 : 40;
  return readHeaders(bytes, bytes.subarray(length));
}

/** IPv6's extension headers are not walked: the probe has none. */
function readHeaders(
  network: Uint8Array | undefined,
  transport: Uint8Array = new Uint8Array(),
): TracedHeaders | undefined {
  if (!network || network.length < 20) return undefined;
  const four = network[0]! >>> 4 === 4;
  if (!four && network.length < 40) return undefined;
  const protocol = network[four ? 9 : 6]!;
  const isIcmp = protocol === ICMP || protocol === ICMP6;
  const at = (offset: number) => (transport.length >= offset + 2 ? readBe16(transport, offset) : 0);
  const [from, length] = four ? [12, 4] : [8, 16];
  return {
    source: printHost(network.subarray(from, from + length)),
    destination: printHost(network.subarray(from + length, from + 2 * length)),
    protocol,
    id: four ? readBe16(network, 4) : ((network[1]! & 15) << 16) | readBe16(network, 2),
    sourcePort: at(isIcmp ? 4 : 0),
    destinationPort: at(isIcmp ? 4 : 2),
    flags: protocol === TCP ? (transport[13] ?? 0) : 0,
    ...(isIcmp && { icmp: { type: transport[0] ?? 0, code: transport[1] ?? 0 } }),
    ttl: network[four ? 8 : 7]!,
  };
}
