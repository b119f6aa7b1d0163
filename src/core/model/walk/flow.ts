/** Connection tracking: what a namespace remembers of a flow, and how it translates its packets. */
import { equalAddresses } from '../../address/address.ts';
import type { FlowEntry, Tuple } from '../linux.ts';
import { ICMP, ICMP6, invert, tupleKey, TCP, tupleOf, type Packet } from './packet.ts';

export type TrackState = 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED';

export type Manipulation = 'source' | 'destination';

export interface Flow {
  readonly original: Tuple;
  /** What an answer looks like: changed by translation. */
  reply: Tuple;
  readonly done: Record<Manipulation, boolean>;
  readonly translated: Record<Manipulation, boolean>;
  seenReply: boolean;
  confirmed: boolean;
  mark: number;
}

/** A packet's place in its flow. */
export interface Tracked {
  readonly flow: Flow;
  readonly isReply: boolean;
  readonly state: TrackState;
}

export function newFlow(original: Tuple): Flow {
  return {
    original,
    reply: invert(original),
    done: { source: false, destination: false },
    translated: { source: false, destination: false },
    seenReply: false,
    confirmed: false,
    mark: 0,
  };
}

export function flowOf(entry: FlowEntry): Flow {
  const plain = invert(entry.original);
  const differs = (side: Manipulation) =>
    side === 'source'
      ? !equalAddresses(entry.reply.destination, plain.destination) ||
        entry.reply.destinationPort !== plain.destinationPort
      : !equalAddresses(entry.reply.source, plain.source) || entry.reply.sourcePort !== plain.sourcePort;
  return {
    original: entry.original,
    reply: entry.reply,
    done: { source: true, destination: true },
    translated: { source: differs('source'), destination: differs('destination') },
    seenReply: entry.seenReply,
    confirmed: true,
    mark: entry.mark,
  };
}

/** The flows of one namespace during a walk. */
export class FlowTable {
  readonly #flows = new Map<string, { readonly flow: Flow; readonly isReply: boolean }>();

  constructor(entries: readonly FlowEntry[]) {
    for (const entry of entries) this.insert(flowOf(entry));
  }

  insert(flow: Flow): void {
    flow.confirmed = true;
    this.#flows.set(tupleKey(flow.original), { flow, isReply: false });
    this.#flows.set(tupleKey(flow.reply), { flow, isReply: true });
  }

  find(tuple: Tuple): { readonly flow: Flow; readonly isReply: boolean } | undefined {
    return this.#flows.get(tupleKey(tuple));
  }

  /** What connection tracking makes of a packet that it has not seen yet. Undefined: invalid. */
  track(packet: Packet): Tracked | undefined {
    if (isIcmpError(packet)) {
      // Of the packet that the error is about, the error is the answer.
      const about = packet.icmp?.about;
      const found = about && this.find(invert(tupleOf(about)));
      return found && { ...found, state: 'RELATED' };
    }
    const found = this.find(tupleOf(packet));
    if (found) {
      if (found.isReply) found.flow.seenReply = true;
      return { ...found, state: found.flow.seenReply ? 'ESTABLISHED' : 'NEW' };
    }
    if (!mayBegin(packet)) return undefined;
    return { flow: newFlow(tupleOf(packet)), isReply: false, state: 'NEW' };
  }
}

export function isIcmpError({ protocol, icmp }: Packet): boolean {
  if (!icmp) return false;
  return protocol === ICMP ? [3, 4, 5, 11, 12].includes(icmp.type) : protocol === ICMP6 && icmp.type < 128;
}

const BEGINNINGS = new Set(['SYN', 'ACK']);
const VALID_FLAGS = new Set([
  'SYN',
  'SYN,ACK',
  'RST',
  'RST,ACK',
  'FIN,ACK',
  'ACK',
  'SYN,URG',
  'FIN,ACK,URG',
  'ACK,URG',
]);

/** Whether a flow may begin so: a SYN, a lone ACK (`nf_conntrack_tcp_loose`), an ICMP question, anything else. */
function mayBegin(packet: Packet): boolean {
  const { protocol, flags, icmp } = packet;
  if (protocol === TCP) {
    const order = ['SYN', 'FIN', 'RST', 'ACK', 'URG'] as const;
    const set = order.filter((flag) => flags.includes(flag));
    if (!VALID_FLAGS.has(set.join(','))) return false;
    return BEGINNINGS.has(set.filter((flag) => flag !== 'URG').join(','));
  }
  if (protocol === ICMP) return icmp !== undefined && [8, 13, 15, 17].includes(icmp.type);
  if (protocol === ICMP6) return icmp !== undefined && [128, 139].includes(icmp.type);
  return true;
}

/** The packet with its source or destination as the flow's translation says, if it has one there. */
export function translate(packet: Packet, { flow, isReply }: Tracked, side: Manipulation): Packet {
  // Answers get the opposite treatment: what was done to the source is undone on their destination.
  const status = isReply ? opposite(side) : side;
  if (!flow.translated[status]) return packet;
  const other = isReply ? flow.original : flow.reply;
  const target = invert(other);
  if (isIcmpError(packet)) return translateError(packet, target, other, side);
  return side === 'source'
    ? { ...packet, source: target.source, sourcePort: target.sourcePort }
    : { ...packet, destination: target.destination, destinationPort: target.destinationPort };
}

function translateError(packet: Packet, target: Tuple, other: Tuple, side: Manipulation): Packet {
  const about = packet.icmp?.about;
  if (!packet.icmp || !about) return packet;
  const inner: Packet =
    side === 'source'
      ? { ...about, destination: other.destination, destinationPort: other.destinationPort }
      : { ...about, source: other.source, sourcePort: other.sourcePort };
  const outer = side === 'source' ? { source: target.source } : { destination: target.destination };
  return { ...packet, ...outer, icmp: { ...packet.icmp, about: inner } };
}

const opposite = (side: Manipulation): Manipulation => (side === 'source' ? 'destination' : 'source');
