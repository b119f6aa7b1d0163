/** The walk of one packet and of its answer, over all that can't be known. */
import type { Address } from '../../address/address.ts';
import type { Linux } from '../linux.ts';
import { explore, type Answered, type Choices, type Fact } from './choices.ts';
import { receive } from './input.ts';
import { send } from './output.ts';
import {
  ICMP,
  ICMP6,
  invert,
  printPacket,
  TCP,
  tupleKey,
  tupleOf,
  type Icmp,
  type Packet,
  type TcpFlag,
} from './packet.ts';
import { newSkb, Run } from './run.ts';
import type { End, Passage, WalkStep } from './step.ts';

/** A packet to walk. */
export interface Probe {
  /** `link` absent: a process of the namespace sends it; else it comes in by that link from outside of the model. */
  readonly from: { readonly namespace: string; readonly link?: string };
  /** Absent: the address that the way out chooses. Needed where `link` is given. */
  readonly source?: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TCP; absent: SYN; ACK where `state` is `established`, and FIN,ACK where it is `invalid`. */
  readonly flags?: readonly TcpFlag[];
  /** Absent: an echo request, where the protocol is ICMP. */
  readonly icmp?: Icmp;
  readonly ttl?: number;
  readonly size?: number;
  readonly dontFragment?: boolean;
  readonly mark?: number;
  /** What connection tracking makes of it; `established`: the second packet of a flow that was let through. */
  readonly state?: 'new' | 'established' | 'invalid';
  /** The sockets of both ends have the connection that an established packet is of. */
  readonly isConnected?: boolean;
  /** Where sockets are not known, somebody listens: without it that forks the walk. */
  readonly assumesListeners?: boolean;
}

/** What the sender of the packet is told. */
export type Outcome =
  /** TCP: connected; UDP and ICMP: an answer comes. */
  | 'answered'
  /** ECONNREFUSED, EHOSTUNREACH, … as connect() says it. */
  | { readonly errno: string }
  /** Nothing comes back. */
  | 'silence'
  /** It has left the model: what comes back is up to others. */
  | 'left';

/** What one packet met. */
export interface Course {
  readonly steps: readonly WalkStep[];
  readonly passages: readonly Passage[];
  readonly end: End;
}

/** One way that the packet and its answer may go. */
export interface Way extends Course {
  /** What goes back; absent where nothing does. */
  readonly reply?: Course & { readonly packet: Packet };
  readonly outcome: Outcome;
}

export interface Walked {
  readonly verdict: 'pass' | 'block' | 'unknown';
  /** One line that says why. */
  readonly reason: string;
  /** The way that it goes, or (unknown) one of those it may go. */
  readonly way: Way;
  /** What was taken for granted: whatever else holds, the verdict is the same. */
  readonly assumptions: readonly string[];
  /** Unknown only: what decides between pass and block. */
  readonly missing?: Fact;
  /** The other ways that it may go. */
  readonly others: readonly { readonly way: Way; readonly taken: readonly Answered[] }[];
}

/** Walks a probe through a Linux. Throws RangeError where the probe names a namespace that is not there. */
export function walk(linux: Linux, probe: Probe): Walked {
  const { branches, complete } = explore((choices) => walkOnce(linux, probe, choices));
  const [first] = branches;
  if (!first) throw new Error('a walk has one way at least');
  const others = branches.slice(1).map(({ result, taken }) => ({ way: result, taken }));
  const verdicts = new Set(branches.map(({ result }) => verdictOf(result)));
  const told = new Set(first.result.steps.flatMap(({ assumption }) => assumption ?? []));
  if (verdicts.size === 1 && complete) {
    const same = branches.flatMap(({ taken }) =>
      taken.map(({ fact }) => `it is the same whatever is so: ${fact.missing}`),
    );
    const assumptions = [...new Set([...told, ...same])];
    return { verdict: verdictOf(first.result), reason: reasonOf(first.result), way: first.result, assumptions, others };
  }
  const missing = decider(branches) ?? first.taken[0]?.fact;
  return {
    verdict: 'unknown',
    reason: missing
      ? `it depends on ${missing.missing}${missing.rule ? `, asked by: ${missing.rule}` : ''}`
      : 'too much is unknown on its way',
    way: first.result,
    assumptions: [...told],
    ...(missing && { missing }),
    others,
  };
}

/** The fact of which one answer alone makes the difference: the last one asked where two ways part. */
function decider(branches: readonly { readonly taken: readonly Answered[]; readonly result: Way }[]): Fact | undefined {
  for (const { taken, result } of branches) {
    for (let last = taken.length - 1; last >= 0; last -= 1) {
      const twin = branches.find(
        (other) =>
          other.taken.length > last &&
          other.taken[last]!.answer !== taken[last]!.answer &&
          other.taken.slice(0, last).every(({ answer }, index) => answer === taken[index]!.answer),
      );
      if (twin && verdictOf(twin.result) !== verdictOf(result)) return taken[last]!.fact;
    }
  }
  return undefined;
}

function verdictOf({ outcome, end }: Way): 'pass' | 'block' {
  if (outcome === 'answered' || outcome === 'left') return 'pass';
  // An RST or an ICMP packet asks for no answer.
  return outcome === 'silence' && end.kind === 'accepted' && !expectsAnswer(end.packet) ? 'pass' : 'block';
}

const expectsAnswer = ({ protocol, flags, icmp }: Packet) =>
  protocol === TCP ? !flags.includes('RST') : icmp ? icmp.type === 8 || icmp.type === 128 : true;

function reasonOf({ end, reply, outcome }: Way): string {
  if (outcome === 'answered') return `${end.text}, and the answer comes back`;
  if (outcome === 'left' && (end.kind === 'left' || !reply)) return end.text;
  if ((end.kind === 'accepted' || end.kind === 'answered') && reply) {
    return outcome === 'left'
      ? `${end.text}, and the answer leaves`
      : `${end.text}, but the answer does not come back: ${lostReply(reply)}`;
  }
  return end.text;
}

function lostReply({ end, packet }: NonNullable<Way['reply']>): string {
  return end.kind === 'refused'
    ? `the sender does not know ${printPacket(end.packet)}`
    : `${end.text} (${printPacket(packet)})`;
}

const MAX_TTL = 64;

function walkOnce(linux: Linux, probe: Probe, choices: Choices): Way {
  const packet = draftOf(probe);
  const begin = () => new Run(linux, choices, probe.state, probe.assumesListeners ?? false);
  const run = begin();
  if (probe.state !== 'established') return follow(run, probe, packet);
  // The first packet of the flow and its answer go their ways untold.
  run.given = 'new';
  const flags = packet.protocol === TCP ? (['SYN'] as const) : packet.flags;
  const opened = follow(run, probe, { ...packet, flags, ttl: MAX_TTL, size: 60 });
  const isOpen = opened.outcome === 'answered' || opened.outcome === 'left';
  const next = isOpen ? run : begin();
  next.given = probe.state;
  next.isConnected = probe.isConnected ?? false;
  return follow(next, probe, packet);
}

function follow(run: Run, probe: Probe, packet: Packet): Way {
  run.steps = [];
  run.passages = [];
  run.answer = undefined;
  run.returned = undefined;
  const { namespace, link } = probe.from;
  run.sent = link === undefined ? undefined : { namespace: '', packet };
  const space = run.space(namespace);
  const end =
    link === undefined
      ? send(run, space, probe.source ? packet : { ...packet, source: undefined })
      : receive(run, space, link, newSkb(packet), false);
  const { steps, passages } = run;
  const answer = run.answer as Run['answer'];
  if (!answer) return { steps, passages, end, outcome: outcomeOf(end) };
  run.steps = [];
  run.passages = [];
  run.answer = undefined;
  const back = send(run, run.space(answer.namespace), answer.packet, answer.tracked);
  const reply = { packet: answer.packet, steps: run.steps, passages: run.passages, end: back };
  const returned = (run.returned as Packet | undefined) ?? (isBack(run, back, probe) ? back.packet : undefined);
  return { steps, passages, end, reply, outcome: returned ? said(returned) : 'silence' };
}

/** Of a probe from outside: whether the answer leaves as what its sender waits for. */
function isBack(run: Run, back: End, { from }: Probe): boolean {
  if (from.link === undefined || back.kind !== 'left') return false;
  const sent = tupleOf(run.sent!.packet);
  const about = back.packet.icmp?.about;
  return about
    ? tupleKey(tupleOf(about)) === tupleKey(sent)
    : tupleKey(tupleOf(back.packet)) === tupleKey(invert(sent));
}

function outcomeOf(end: End): Outcome {
  if (end.kind === 'failed') return { errno: end.errno ?? 'EINVAL' };
  return end.kind === 'left' ? 'left' : 'silence';
}

const ERRORS: readonly string[] = [
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENOPROTOOPT',
  'ECONNREFUSED',
  'EMSGSIZE',
  'EOPNOTSUPP',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENONET',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EHOSTUNREACH',
];
const ERRORS6: readonly string[] = [
  'ENETUNREACH',
  'EACCES',
  'EHOSTUNREACH',
  'EHOSTUNREACH',
  'ECONNREFUSED',
  'EACCES',
  'EACCES',
];

/** What the sender's call says to that answer. */
export function said({ protocol, flags, icmp }: Packet): Outcome {
  if (protocol === TCP) return flags.includes('RST') ? { errno: 'ECONNREFUSED' } : 'answered';
  if (!icmp?.about) return 'answered';
  if (protocol === ICMP) return { errno: icmp.type === 3 ? (ERRORS[icmp.code] ?? 'EHOSTUNREACH') : 'EHOSTUNREACH' };
  return { errno: icmp.type === 1 ? (ERRORS6[icmp.code] ?? 'EACCES') : icmp.type === 2 ? 'EMSGSIZE' : 'EHOSTUNREACH' };
}

const FLAGS = { new: ['SYN'], established: ['ACK'], invalid: ['FIN', 'ACK'] } as const;

function draftOf(probe: Probe): Packet {
  const { destination, protocol } = probe;
  const isIcmp = protocol === ICMP || protocol === ICMP6;
  const flags = probe.flags ?? FLAGS[probe.state ?? 'new'];
  return {
    source: probe.source ?? { version: destination.version, words: [0, 0, 0, 0] },
    destination,
    protocol,
    sourcePort: probe.sourcePort,
    destinationPort: isIcmp ? probe.sourcePort : probe.destinationPort,
    flags: protocol === TCP ? flags : [],
    ...(isIcmp && { icmp: probe.icmp ?? { type: protocol === ICMP ? 8 : 128, code: 0 } }),
    ttl: probe.ttl ?? MAX_TTL,
    size: probe.size ?? 60,
    dontFragment: probe.dontFragment ?? protocol === TCP,
    mark: probe.mark ?? 0,
  };
}
