/** A prediction and an observation, laid side by side. */
import { printAddress } from '../../../address/address.ts';
import type { IptablesChain, Linux, LinuxNamespace } from '../../../model/linux.ts';
import { protocolName, UDP, type Packet } from '../../../model/walk/packet.ts';
import type { Passage, RulePlace, WalkStep } from '../../../model/walk/step.ts';
import type { Course, Outcome, Walked, Way } from '../../../model/walk/walk.ts';
import type { TracePlace } from '../place.ts';
import type { TraceQuestion } from '../question.ts';
import { tellTrace, type Trace, type TracedStep } from '../trace.ts';
import { align, type Pair } from './align.ts';
import type { Observation, SeenEvent, SeenLegacyRule, SeenPacket } from './observation.ts';

/**
 * `same`: it was predicted, and it happened; `different`: it happened in another manner; `missing`: it
 * was predicted, and did not happen; `unforeseen`: it happened, and was not predicted; `untold`: the
 * kernel does not tell of such things; `beyond`: what comes back from where no prediction reaches;
 * `unordered`: the packet is dropped by one of iptables-legacy and nftables, and which of them is asked first
 * at a hook, where both have the same priority, only the order in which they came there decides.
 */
export type Mark = 'same' | 'different' | 'missing' | 'unforeseen' | 'untold' | 'beyond' | 'unordered';

const DIFFER: ReadonlySet<Mark> = new Set(['different', 'missing', 'unforeseen']);

/** What was seen, in people's words. */
export interface SeenStep {
  readonly place: string;
  readonly text: string;
  /** Else it came by a hook. */
  readonly isRule: boolean;
  readonly packet: SeenPacket;
}

export interface LiveStep {
  readonly mark: Mark;
  readonly predicted?: TracedStep;
  readonly seen?: SeenStep;
  /** Of `different`: in what. */
  readonly note?: string;
}

/** Plain JSON: what the API and `--json` give. */
export interface LiveTrace {
  readonly predicted: Trace;
  readonly observed: Observation;
  /** What happened: the sender got an answer or not. */
  readonly verdict: 'pass' | 'block';
  /** Nothing differs. */
  readonly agrees: boolean;
  /** The packet leaves for where no prediction reaches, so what its sender is told is nobody's to foretell. */
  readonly leaves: boolean;
  /** Where the prediction and what happened part, in sentences. */
  readonly differences: readonly string[];
  /** What was not known before, and is known by what happened. */
  readonly learned: readonly string[];
  readonly steps: readonly LiveStep[];
  readonly reply: readonly LiveStep[];
}

/** A moment of the predicted course that the kernel's trace would show. */
interface Checkpoint {
  /** What is told in one order: by each namespace, and by iptables-legacy in it. */
  readonly stream: string;
  readonly key: string;
  readonly passage?: Passage;
  /** The index of the step that it is. */
  readonly step?: number;
}

export function compareTrace(
  question: TraceQuestion,
  walked: Walked,
  linux: Linux,
  places: readonly TracePlace[],
  observed: Observation,
): LiveTrace {
  const predicted = tellTrace(question, walked, places);
  const comparer = new Comparer(linux, places, observed);
  const candidates = [
    { way: walked.way, told: predicted.way },
    ...walked.others.map(({ way }, index) => ({ way, told: predicted.others[index]!.way })),
  ];
  // Of the ways that it might have gone, the one that it went.
  const compared = candidates.map(({ way, told }, index) => ({ index, way, ...comparer.way(way, told) }));
  const weight = ({ steps, reply, agreesOnOutcome }: (typeof compared)[number]) =>
    [...steps, ...reply].filter(({ mark }) => DIFFER.has(mark)).length + (agreesOnOutcome ? 0 : 1000);
  const best = compared.reduce((a, b) => (weight(b) < weight(a) ? b : a));
  const agrees = weight(best) === 0;
  return {
    predicted,
    observed,
    verdict: observed.outcome === 'answered' || isUnanswered(best.way, observed.outcome) ? 'pass' : 'block',
    agrees,
    leaves: best.way.outcome === 'left',
    differences: agrees ? [] : differences(best, observed),
    learned: agrees && predicted.verdict === 'unknown' ? learned(walked, predicted, best.index) : [],
    steps: best.steps,
    reply: best.reply,
  };
}

/** What the way that it went takes for granted. */
function learned({ others }: Walked, predicted: Trace, index: number): readonly string[] {
  if (index > 0) return predicted.others[index - 1]!.if;
  // The first way is the one on which nothing that is not known holds.
  const facts = new Set(others.flatMap(({ taken }) => taken.map(({ fact }) => fact.missing)));
  return [...facts].map((fact) => `${fact}: no`);
}

function differences(
  {
    way,
    steps,
    reply,
    agreesOnOutcome,
  }: { way: Way; steps: readonly LiveStep[]; reply: readonly LiveStep[]; agreesOnOutcome: boolean },
  observed: Observation,
): readonly string[] {
  const sentences: string[] = [];
  if (!agreesOnOutcome) {
    sentences.push(
      `the sender ${told(printOutcome(way.outcome))} by the prediction, and really it ${told(observed.outcome)}`,
    );
  }
  // What the sender is told is said already. Of each kind the first: the others follow from it.
  const firsts = [...steps, ...reply]
    .filter(({ mark, seen }) => DIFFER.has(mark) && (mark !== 'different' || seen))
    .filter(({ mark }, index, all) => all.findIndex((its) => its.mark === mark) === index);
  return [...sentences, ...firsts.map(describe)];
}

const told = (outcome: string) =>
  outcome === 'answered' ? 'gets an answer' : outcome === 'silence' ? 'hears nothing' : `is told ${outcome}`;

const printOutcome = (outcome: Outcome): string => (typeof outcome === 'object' ? outcome.errno : outcome);

function describe({ mark, predicted, seen, note }: LiveStep): string {
  switch (mark) {
    case 'missing':
      return `predicted, but not seen: ${whereOf(predicted)}`;
    case 'unforeseen':
      return `seen, but not predicted: ${seen ? `${seen.place} ${seen.text}` : ''}`;
    default:
      return `other than predicted: ${whereOf(predicted)}: ${note ?? ''}`;
  }
}

function whereOf(step: TracedStep | undefined): string {
  if (!step) return '';
  const { place, rule, kind, decision } = step;
  if (!rule) return `${place} ${kind} ${decision}`;
  return `${place} ${rule.table} ${rule.chain}${rule.index === undefined ? '' : ` ${rule.index + 1}`}: ${decision}`;
}

class Comparer {
  readonly #linux: Linux;
  readonly #names: ReadonlyMap<string, string>;
  readonly #observed: Observation;
  readonly #indexes = new Map<string, ReadonlyMap<string, number>>();

  constructor(linux: Linux, places: readonly TracePlace[], observed: Observation) {
    this.#linux = linux;
    this.#names = new Map(
      places.filter(({ namespace }) => namespace !== 'host').map((its) => [its.namespace, its.name]),
    );
    this.#observed = observed;
  }

  way(way: Way, toldWay: Trace['way']) {
    const { outcome } = this.#observed;
    const events = this.#observed.events.filter((event) => !this.#isReturn(event));
    const there = events.filter(({ packet }) => !this.#isBack(packet));
    const back = events.filter(({ packet }) => this.#isBack(packet));
    const agreesOnOutcome = agree(way, outcome);
    return {
      agreesOnOutcome,
      steps: this.#course(way, toldWay.steps, there, agreesOnOutcome),
      reply: this.#course(way.reply, toldWay.reply?.steps ?? [], back, agreesOnOutcome, way.outcome === 'left'),
    };
  }

  /** Whether a packet comes back to the sender, or is an error about the probe. */
  #isBack({ sourcePort, flags, icmp, protocol }: SeenPacket): boolean {
    if (protocol === 'tcp') return flags.includes('ACK') || flags.includes('RST');
    if (icmp) return icmp.type !== 8 && icmp.type !== 128;
    return sourcePort !== this.#observed.sourcePort;
  }

  #course(
    course: Course | undefined,
    told: readonly TracedStep[],
    events: readonly SeenEvent[],
    agreesOnOutcome: boolean,
    isBeyond = false,
  ): LiveStep[] {
    const checkpoints = course ? checkpointsOf(course, this.#linux, new Set(this.#observed.legacy)) : [];
    const pairs = this.#align(checkpoints, events);
    const seenAt = new Map(pairs.flatMap(({ left, right }) => (left && right ? [[left, right] as const] : [])));
    const rows: LiveStep[] = [];
    let next = 0;
    // Steps stand in their order; what was seen besides comes where it happened.
    const stepsUntil = (end: number) => {
      for (; next < end; next += 1)
        rows.push(this.#row(course!, told[next]!, next, checkpoints, seenAt, agreesOnOutcome));
    };
    for (const { left, right } of pairs) {
      if (left) stepsUntil(left.step === undefined ? left.passage!.steps : left.step + 1);
      else if (right) rows.push({ mark: isBeyond ? 'beyond' : unforeseen(right, course), seen: this.#tell(right) });
    }
    stepsUntil(told.length);
    return rows;
  }

  /** In the predicted order; of what was seen only that of one stream has an order. */
  #align(checkpoints: readonly Checkpoint[], events: readonly SeenEvent[]): Pair<Checkpoint, SeenEvent>[] {
    const streams = new Set([...checkpoints.map(({ stream }) => stream), ...events.map(streamOf)]);
    const queues = new Map(
      [...streams].map((name) => {
        return [
          name,
          [
            ...align(
              checkpoints.filter(({ stream }) => stream === name),
              events.filter((event) => streamOf(event) === name),
              ({ key }) => key,
              (event) => this.#keyOf(event),
            ),
          ],
        ];
      }),
    );
    const pairs: Pair<Checkpoint, SeenEvent>[] = [];
    for (const checkpoint of checkpoints) {
      const queue = queues.get(checkpoint.stream)!;
      const end = queue.findIndex(({ left }) => left === checkpoint);
      pairs.push(...queue.splice(0, end + 1));
      // What was seen besides before the packet went on to another namespace.
      if (!queue.some(({ left }) => left)) pairs.push(...queue.splice(0));
    }
    return [...pairs, ...[...queues.values()].flat()];
  }

  #row(
    course: Course,
    predicted: TracedStep,
    index: number,
    checkpoints: readonly Checkpoint[],
    seenAt: ReadonlyMap<Checkpoint, SeenEvent>,
    agreesOnOutcome: boolean,
  ): LiveStep {
    const step = course.steps[index]!;
    const checkpoint = shownBy(step, index, checkpoints);
    if (checkpoint === 'outcome')
      return {
        mark: agreesOnOutcome ? 'same' : 'different',
        predicted,
        ...(!agreesOnOutcome && { note: `the sender ${told(this.#observed.outcome)}` }),
      };
    if (!checkpoint) return { mark: 'untold', predicted };
    const event = seenAt.get(checkpoint);
    if (!event) return { mark: isSpared(step, course) ? 'unordered' : 'missing', predicted };
    const note = this.#difference(step, checkpoint, event);
    return {
      mark: note === undefined ? 'same' : 'different',
      predicted,
      seen: this.#tell(event),
      ...(note !== undefined && { note }),
    };
  }

  #difference(step: WalkStep, { passage }: Checkpoint, event: SeenEvent): string | undefined {
    // It is not told what the rule did.
    if (event.kind === 'legacy-rule') return undefined;
    if (event.kind === 'rule') {
      const drops = /^(policy )?(drop|reject)$/.test(step.decision);
      return drops === (event.verdict === 'drop') ? undefined : `the kernel's verdict is ${event.verdict}`;
    }
    if (!passage) return undefined;
    if (event.inLink !== passage.inLink) return `it comes in by ${event.inLink}`;
    if (event.outLink !== passage.outLink) return `it goes out of ${event.outLink}`;
    return samePacket(passage.packet, event.packet) ? undefined : `the packet is ${printSeen(event.packet)}`;
  }

  #keyOf(event: SeenEvent): string {
    const { namespace } = event;
    if (event.kind === 'passage') return passageKey(event);
    if (event.kind === 'legacy-rule') {
      const { family, table, chain, number } = event;
      return `${streamOf(event)} ${family} ${table} ${chain} ${this.#isEnd(event) ? 'policy' : number - 1}`;
    }
    const { family, table, chain, handle } = event;
    const index = handle === undefined ? 'policy' : this.#index(namespace, `${family} ${table} ${chain} ${handle}`);
    return `${namespace} ${family} ${table} ${chain} ${index}`;
  }

  #legacyChain({ namespace, family, table, chain }: SeenLegacyRule): IptablesChain | undefined {
    const tables = this.#linux.namespaces.get(namespace)?.iptables ?? [];
    const its = tables.find((known) => known.variant === 'legacy' && known.family === family && known.table === table);
    return its?.chains.get(chain);
  }

  #isEnd(event: SeenLegacyRule): boolean {
    return event.number > (this.#legacyChain(event)?.rules.length ?? Infinity);
  }

  /** The end of a chain that is called: nothing is decided there. */
  #isReturn(event: SeenEvent): boolean {
    return event.kind === 'legacy-rule' && this.#isEnd(event) && this.#legacyChain(event)?.policy === undefined;
  }

  /** The place of a rule in its chain, by its handle: rules that are younger than the prediction have none. */
  #index(namespace: string, rule: string): string | number {
    let indexes = this.#indexes.get(namespace);
    if (!indexes) {
      const tables = this.#linux.namespaces.get(namespace)?.nftables.tables ?? [];
      indexes = new Map(
        tables.flatMap(({ family, name, chains }) =>
          [...chains.values()].flatMap((chain) =>
            chain.rules.map(({ handle }, index) => [`${family} ${name} ${chain.name} ${handle}`, index] as const),
          ),
        ),
      );
      this.#indexes.set(namespace, indexes);
    }
    return indexes.get(rule) ?? `unknown ${rule}`;
  }

  #tell(event: SeenEvent): SeenStep {
    const { namespace, packet } = event;
    return {
      place: this.#names.get(namespace) ?? namespace,
      text: this.#text(event),
      isRule: event.kind !== 'passage',
      packet,
    };
  }

  #text(event: SeenEvent): string {
    if (event.kind === 'passage') {
      const links = [event.inLink && `in by ${event.inLink}`, event.outLink && `out of ${event.outLink}`];
      return `${event.hook}: ${event.edge === 'begin' ? 'comes' : 'passed'}, ${links.filter(Boolean).join(', ')}`;
    }
    if (event.kind === 'legacy-rule') {
      const { table, chain, number } = event;
      return this.#isEnd(event) ? `${table} ${chain}: policy` : `${table} ${chain} ${number}: matched`;
    }
    const { family, table, chain, handle, verdict, namespace } = event;
    if (handle === undefined) return `${table} ${chain}: policy ${verdict}`;
    const index = this.#index(namespace, `${family} ${table} ${chain} ${handle}`);
    const which = typeof index === 'number' ? `${index + 1} (handle ${handle})` : `handle ${handle}`;
    return `${table} ${chain} ${which}: ${verdict === 'other' ? 'matched' : verdict}`;
  }
}

/** Whether a step is a rule of one machinery at the hook where one of the other ends the packet's way. */
function isSpared({ rule, namespace, hook }: WalkStep, { steps, end }: Course): boolean {
  const last = steps.findLast((step) => step.rule);
  return (
    rule !== undefined &&
    end.rule !== undefined &&
    (rule.variant === 'legacy') !== (end.rule.variant === 'legacy') &&
    namespace === last?.namespace &&
    hook === last.hook
  );
}

function unforeseen({ kind, namespace }: SeenEvent, course: Course | undefined): Mark {
  const rule = course?.end.rule;
  const isOfOther = kind === 'legacy-rule' && rule !== undefined && rule.variant !== 'legacy';
  return isOfOther && namespace === course?.end.namespace ? 'unordered' : 'unforeseen';
}

const passageKey = ({ namespace, hook, edge }: Pick<Passage, 'namespace' | 'hook' | 'edge'>) =>
  `${namespace} ${edge} of ${hook}`;

const legacyStream = (namespace: string): string => `${namespace} legacy`;

const streamOf = ({ kind, namespace }: SeenEvent): string =>
  kind === 'legacy-rule' ? legacyStream(namespace) : namespace;

/** `legacy`: the namespaces whose iptables-legacy is told of. */
function checkpointsOf({ steps, passages }: Course, linux: Linux, legacy: ReadonlySet<string>): Checkpoint[] {
  const checkpoints: Checkpoint[] = [];
  let next = 0;
  const stepsUntil = (end: number) => {
    for (; next < end; next += 1) {
      const { rule, namespace } = steps[next]!;
      if (!rule) continue;
      const isLegacy = rule.variant === 'legacy';
      if (isLegacy ? !legacy.has(namespace) : !isInNftables(rule, linux.namespaces.get(namespace))) continue;
      const { family, table, chain, index = 'policy' } = rule;
      const stream = isLegacy ? legacyStream(namespace) : namespace;
      checkpoints.push({ stream, key: `${stream} ${family} ${table} ${chain} ${index}`, step: next });
    }
  };
  for (const passage of passages) {
    stepsUntil(passage.steps);
    checkpoints.push({ stream: passage.namespace, key: passageKey(passage), passage });
  }
  stepsUntil(steps.length);
  return checkpoints;
}

/** Chains that iptables-save tells of before they are made are in no trace. */
function isInNftables({ family, table, chain }: RulePlace, namespace: LinuxNamespace | undefined): boolean {
  const its = namespace?.nftables.tables.find((known) => known.family === family && known.name === table);
  return its?.chains.has(chain) ?? false;
}

/** What of the kernel's trace shows that a step was done. */
function shownBy(
  step: WalkStep,
  index: number,
  checkpoints: readonly Checkpoint[],
): Checkpoint | 'outcome' | undefined {
  const after = (test: (passage: Passage) => boolean) =>
    checkpoints.find(
      ({ passage }) => passage && passage.steps > index && passage.namespace === step.namespace && test(passage),
    );
  const begin = (hook: Passage['hook']) => after((passage) => passage.hook === hook && passage.edge === 'begin');
  switch (step.kind) {
    case 'rule':
      return checkpoints.find((its) => its.step === index);
    case 'send':
      return begin('output');
    case 'route':
      return begin(step.decision === 'forward' ? 'forward' : step.decision === 'local' ? 'input' : 'postrouting');
    case 'link':
      return step.decision === 'left' ? 'outcome' : begin('prerouting');
    case 'nat':
      return after(() => true);
    case 'drop':
    case 'error':
    case 'socket':
      return 'outcome';
    case 'conntrack':
    case 'bridge':
    case 'neighbour':
      return undefined;
  }
}

/** Whether the sender was told what the prediction says. */
function agree({ outcome, end }: Way, seen: string): boolean {
  // What is beyond the host is up to others.
  if (outcome === 'left') return true;
  return printOutcome(outcome) === seen || isUnanswered({ outcome, end }, seen);
}

/** Nobody need answer a datagram without contents. */
function isUnanswered({ outcome, end }: Pick<Way, 'outcome' | 'end'>, seen: string): boolean {
  return seen === 'silence' && outcome === 'answered' && end.packet.protocol === UDP;
}

function samePacket(predicted: Packet, seen: SeenPacket): boolean {
  return (
    printAddress(predicted.source) === seen.source &&
    printAddress(predicted.destination) === seen.destination &&
    protocolName(predicted.protocol) === seen.protocol &&
    // An error's ports are those of what it is about.
    (predicted.icmp?.about !== undefined ||
      (predicted.sourcePort === seen.sourcePort && predicted.destinationPort === seen.destinationPort))
  );
}

/** `10.0.0.2:4000 > 10.0.0.3:80 tcp SYN` */
export function printSeen({
  source,
  destination,
  protocol,
  sourcePort,
  destinationPort,
  flags,
  icmp,
}: SeenPacket): string {
  const end = (address: string, port: number) =>
    icmp ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const rest = [protocol, flags.join(','), icmp ? `${icmp.type}/${icmp.code}` : ''].filter((word) => word !== '');
  return `${end(source, sourcePort)} > ${end(destination, destinationPort)} ${rest.join(' ')}`;
}
