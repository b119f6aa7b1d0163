/** The use case: a question in people's words, walked through a model, told in people's words. */
import { printAddress } from '../../address/address.ts';
import type { Linux } from '../../model/linux.ts';
import { printPacket, protocolName, type Packet } from '../../model/walk/packet.ts';
import type { End, RulePlace, WalkStep } from '../../model/walk/step.ts';
import { walk, type Outcome, type Walked, type Way } from '../../model/walk/walk.ts';
import type { Reason } from '../../plan/object.ts';
import type { TracePlace } from './place.ts';
import { probeOf, type TraceQuestion } from './question.ts';

/** A packet as people write it. */
export interface TracedPacket {
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: readonly string[];
  readonly ttl: number;
  readonly mark: number;
  /** All in one line. */
  readonly text: string;
}

export interface TracedStep {
  readonly kind: WalkStep['kind'];
  /** The namespace's id, and whose it is. */
  readonly namespace: string;
  readonly place: string;
  readonly link?: string;
  readonly hook?: string;
  readonly rule?: RulePlace;
  readonly decision: string;
  readonly detail?: string;
  readonly before: TracedPacket;
  readonly after: TracedPacket;
  readonly reason?: Reason;
  /** Rules of the chain that were tried until this one, itself included. */
  readonly tried?: number;
  readonly assumption?: string;
}

export interface TracedEnd {
  readonly kind: End['kind'];
  readonly place: string;
  readonly text: string;
  readonly packet: TracedPacket;
  readonly rule?: RulePlace;
  /** The kernel's own name for it. */
  readonly dropReason?: string;
}

export interface TracedWay {
  readonly steps: readonly TracedStep[];
  readonly end: TracedEnd;
  readonly reply?: { readonly steps: readonly TracedStep[]; readonly end: TracedEnd };
  /** `answered`, `silence`, `left`, or what connect() says: `ECONNREFUSED`. */
  readonly outcome: string;
}

/** Plain JSON: what the API and `--json` give. */
export interface Trace {
  readonly question: TraceQuestion;
  readonly verdict: Walked['verdict'];
  readonly reason: string;
  readonly assumptions: readonly string[];
  /** What could not be read of what was given: absent where all could. */
  readonly problems?: readonly string[];
  /** Unknown only: the fact that decides, and the rule that asks for it. */
  readonly missing?: { readonly fact: string; readonly rule?: string };
  readonly way: TracedWay;
  /** Other ways that the packet may go, each with what would have to be so. */
  readonly others: readonly { readonly if: readonly string[]; readonly way: TracedWay }[];
}

/**
 * Where sockets were not looked at, somebody is taken to listen on the port that is asked for.
 *
 * @throws TraceError where the question names what is not there
 */
export function trace(question: TraceQuestion, linux: Linux, places: readonly TracePlace[]): Trace {
  const probe = probeOf(question, linux, places);
  return tellTrace(question, walk(linux, { ...probe, assumesListeners: true }), places);
}

/** A walk in people's words. */
export function tellTrace(question: TraceQuestion, walked: Walked, places: readonly TracePlace[]): Trace {
  const names = namesOf(walked, places);
  const tell = (way: Way) => tellWay(way, names);
  const { verdict, reason, assumptions, missing } = walked;
  return {
    question,
    verdict,
    reason: named(reason, names),
    assumptions: assumptions.map((text) => named(text, names)),
    ...(missing && {
      missing: { fact: named(missing.missing, names), ...(missing.rule !== undefined && { rule: missing.rule }) },
    }),
    way: tell(walked.way),
    others: walked.others.map(({ way, taken }) => ({
      if: taken.map(({ fact, answer }) => named(`${fact.missing}: ${answer ? 'yes' : 'no'}`, names)),
      way: tell(way),
    })),
  };
}

type Names = ReadonlyMap<string, string>;

/** Of the namespaces that the packet came through. */
function namesOf({ way, others }: Walked, places: readonly TracePlace[]): Names {
  const ways = [way, ...others.map((other) => other.way)];
  const met = new Set(
    ways.flatMap(({ steps, reply }) => [...steps, ...(reply?.steps ?? [])].map((its) => its.namespace)),
  );
  met.delete('host');
  return new Map(places.filter(({ namespace }) => met.has(namespace)).map((its) => [its.namespace, its.name]));
}

/** The names of containers for the ids of their namespaces. */
function named(text: string, names: Names): string {
  let result = text;
  for (const [id, name] of names) result = result.replaceAll(id, name);
  return result;
}

function tellWay({ steps, end, reply, outcome }: Way, names: Names): TracedWay {
  return {
    steps: steps.map((step) => tellStep(step, names)),
    end: tellEnd(end, names),
    ...(reply && {
      reply: { steps: reply.steps.map((step) => tellStep(step, names)), end: tellEnd(reply.end, names) },
    }),
    outcome: tellOutcome(outcome),
  };
}

function tellStep(step: WalkStep, names: Names): TracedStep {
  const { before, after, detail, assumption, ...rest } = step;
  return {
    ...rest,
    place: names.get(step.namespace) ?? step.namespace,
    ...(detail !== undefined && { detail: named(detail, names) }),
    ...(assumption !== undefined && { assumption: named(assumption, names) }),
    before: tellPacket(before),
    after: before === after ? tellPacket(before) : tellPacket(after),
  };
}

function tellEnd({ kind, namespace, text, packet, rule, dropReason }: End, names: Names): TracedEnd {
  return {
    kind,
    place: names.get(namespace) ?? namespace,
    text: named(text, names),
    packet: tellPacket(packet),
    ...(rule && { rule }),
    ...(dropReason && { dropReason }),
  };
}

function tellPacket(packet: Packet): TracedPacket {
  const { source, destination, protocol, sourcePort, destinationPort, flags, ttl, mark } = packet;
  return {
    source: printAddress(source),
    destination: printAddress(destination),
    protocol: protocolName(protocol),
    sourcePort,
    destinationPort,
    flags,
    ttl,
    mark,
    text: printPacket(packet),
  };
}

const tellOutcome = (outcome: Outcome): string => (typeof outcome === 'object' ? outcome.errno : outcome);
