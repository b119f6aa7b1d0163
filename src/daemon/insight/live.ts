/** `trace --live`: a real packet is sent where the question says, and laid beside its prediction. */
import { setTimeout as sleep } from 'node:timers/promises';
import { printAddress } from '../../core/address/address.ts';
import { Mutex } from '../../core/engine/mutex.ts';
import { HOST } from '../../core/insight/snapshot/snapshot.ts';
import { traceSnapshot, traceStage } from '../../core/insight/snapshot/trace.ts';
import { compareTrace, type LiveTrace } from '../../core/insight/trace/live/compare.ts';
import type { Observation, SeenEvent, SeenPacket } from '../../core/insight/trace/live/observation.ts';
import { probeOf, TraceError, type TraceQuestion } from '../../core/insight/trace/question.ts';
import type { Linux } from '../../core/model/linux.ts';
import { ICMP, ICMP6, protocolName, TCP, UDP, type Packet } from '../../core/model/walk/packet.ts';
import { walk, type Probe, type Walked } from '../../core/model/walk/walk.ts';
import { withNamespace } from '../../linux/namespace.ts';
import type { LegacyTraceEvent } from '../../linux/netlink/legacy-trace.ts';
import { NftError } from '../../linux/nftables.ts';
import { PacketTrace, type PlacedEvent, type TraceMatch } from '../../linux/packet-trace.ts';
import { ProbeSocket, type ProbeTarget } from '../../linux/probe-socket.ts';
import type { Snapshots } from './snapshots.ts';
import { traceGrowing } from './traced.ts';

/** Sends probes: what the API's live traces come from. */
export interface LiveTraces {
  /** @throws TraceError where the question can't be put to the kernel */
  trace(question: TraceQuestion): Promise<LiveTrace>;
}

export interface LiveTracerOptions {
  readonly snapshots: Snapshots;
  readonly namespacePath: (sandbox: string) => string;
}

/** The kernel is asked to tell for so long (ms): what is sent again, after a second, is not the probe any more. */
const TRACED = 800;
/** So long a sender waits (ms): a neighbour that does not answer is given up after three seconds. */
const PATIENCE = 3600;
const INTERVAL = 2;
/** What is on its way while the sender has its answer (ms). */
const AFTERGLOW = 20;

export class LiveTracer implements LiveTraces {
  readonly #options: LiveTracerOptions;
  /** The table has one name. */
  readonly #turns = new Mutex();

  constructor(options: LiveTracerOptions) {
    this.#options = options;
  }

  async trace(question: TraceQuestion): Promise<LiveTrace> {
    return this.#turns.run(() => this.#trace(question));
  }

  async #trace(question: TraceQuestion): Promise<LiveTrace> {
    const { snapshot } = await traceGrowing(this.#options.snapshots, question, (its) => traceSnapshot(its, question));
    const { linux, places } = traceStage(snapshot);
    const probe = probeOf(question, linux, places);
    const target = targetOf(question, probe);
    const { version } = probe.destination;
    const socket = this.#inside(probe.from.namespace, () => new ProbeSocket(target));
    try {
      const { sourcePort, size } = socket;
      const walked = walk(linux, { ...probe, sourcePort, size, assumesListeners: true });
      const traces = new Map<string, PacketTrace>();
      try {
        for (const [namespace, matches] of matchesOf(probe, walked, socket)) {
          traces.set(namespace, new PacketTrace(this.#path(namespace), version, matches, hasLegacy(linux, namespace)));
        }
        return compareTrace(question, walked, linux, places, await observe(socket, traces, probe));
      } finally {
        closeAll(traces);
      }
    } catch (error) {
      if (error instanceof NftError) throw new TraceError(error.message, { cause: error });
      throw error;
    } finally {
      socket.close();
    }
  }

  #path(namespace: string): string | undefined {
    return namespace === HOST ? undefined : this.#options.namespacePath(namespace);
  }

  #inside<T>(namespace: string, run: () => T): T {
    const path = this.#path(namespace);
    return path === undefined ? run() : withNamespace(path, run);
  }
}

const hasLegacy = ({ namespaces }: Linux, name: string): boolean =>
  namespaces.get(name)?.iptables.some(({ variant }) => variant === 'legacy') ?? false;

/** One that fails does not keep the others from being removed. */
function closeAll(traces: ReadonlyMap<string, PacketTrace>): void {
  const errors: unknown[] = [];
  for (const trace of traces.values()) {
    try {
      trace.close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

function targetOf(
  { from, state }: TraceQuestion,
  { from: { link }, destination, protocol, destinationPort }: Probe,
): ProbeTarget {
  if (link !== undefined) {
    throw new TraceError(
      `no packet of ${from} can be sent from here: it would have to come in by ${link} from another machine. ` +
        'Without --live its way is predicted; a container or host can send one',
    );
  }
  if (state !== undefined && state !== 'new') {
    throw new TraceError(
      `what is sent begins a connection: a packet that is ${state} can only be predicted, without --live`,
    );
  }
  const name = { [TCP]: 'tcp', [UDP]: 'udp', [ICMP]: 'icmp', [ICMP6]: 'icmp' }[protocol] as
    | ProbeTarget['protocol']
    | undefined;
  if (!name)
    throw new TraceError(
      `${protocolName(protocol)} can only be predicted, without --live: tcp, udp and icmp can be sent`,
    );
  return { protocol: name, destination: printAddress(destination), port: destinationPort };
}

/** What is to be traced in each namespace: the probe and its answer, as they were sent and as the prediction has them there. */
function matchesOf({ from }: Probe, { way, others }: Walked, socket: ProbeSocket): Map<string, TraceMatch[]> {
  const matches = new Map<string, TraceMatch[]>([[HOST, []]]);
  const add = (namespace: string, packet: Packet) => {
    const its = matches.get(namespace) ?? [];
    const match = matchOf(packet);
    its.push(match, inverse(match));
    matches.set(namespace, its);
  };
  for (const { passages, end, reply } of [way, ...others.map((other) => other.way)]) {
    for (const { namespace, packet } of [...passages, ...(reply?.passages ?? [])]) add(namespace, packet);
    // Wherever the prediction errs, the packet as it was sent is seen.
    if (passages.length === 0) add(from.namespace, end.packet);
  }
  const sent = way.passages[0]?.packet;
  if (sent && socket.source !== undefined) {
    const match = { ...matchOf(sent), source: socket.source };
    for (const its of matches.values()) its.push(match, inverse(match));
  }
  return matches;
}

function matchOf({ source, destination, protocol, sourcePort, destinationPort, icmp }: Packet): TraceMatch {
  if (icmp?.about) return { ...matchOf(icmp.about), isErrorAbout: true };
  return {
    source: printAddress(source),
    destination: printAddress(destination),
    protocol,
    sourcePort,
    destinationPort,
  };
}

const inverse = (match: TraceMatch): TraceMatch =>
  match.isErrorAbout
    ? match
    : {
        ...match,
        source: match.destination,
        sourcePort: match.destinationPort,
        destination: match.source,
        destinationPort: match.sourcePort,
      };

async function observe(
  socket: ProbeSocket,
  traces: ReadonlyMap<string, PacketTrace>,
  { destination }: Probe,
): Promise<Observation> {
  const begun = performance.now();
  const elapsed = () => performance.now() - begun;
  const wait = async (until: number): Promise<string | undefined> => {
    for (;;) {
      const outcome = socket.outcome();
      if (outcome !== undefined || elapsed() >= until) return outcome;
      await sleep(INTERVAL);
    }
  };
  socket.send();
  let outcome = await wait(TRACED);
  let milliseconds = elapsed();
  await sleep(AFTERGLOW);
  const taken = [...traces].map(([namespace, trace]) => ({ namespace, ...trace.take() }));
  closeAll(traces);
  if (outcome === undefined) {
    outcome = await wait(PATIENCE);
    milliseconds = elapsed();
  }
  const { sourcePort } = socket;
  // On a busy machine the SYN may have been sent again before its trace was taken.
  const isSyn = ({ packet }: Traced) => packet.protocol === TCP && packet.sourcePort === sourcePort;
  const probeId = taken.flatMap(({ events }) => events).find(isSyn)?.packet.id;
  const isOfProbe = (its: Traced) => isFirst(its, sourcePort) && (!isSyn(its) || its.packet.id === probeId);
  return {
    events: taken.flatMap(({ namespace, events, legacy = [] }) => [
      ...events.filter(isOfProbe).map((its) => seen(namespace, its)),
      ...legacy.filter(isOfProbe).map((its) => seenByLegacy(namespace, its)),
    ]),
    legacy: taken.flatMap(({ namespace, legacy }) => (legacy ? [namespace] : [])),
    source: socket.source ?? (destination.version === 4 ? '0.0.0.0' : '::'),
    sourcePort: socket.sourcePort,
    outcome: outcome ?? 'silence',
    milliseconds,
    lost: taken.some(({ lost }) => lost),
  };
}

type Traced = Pick<PlacedEvent, 'packet'>;

const FLAGS = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 } as const;

/** What a sender of TCP does with the answer is not looked at. */
const isFirst = ({ packet: { protocol, sourcePort, flags } }: Traced, sent: number): boolean =>
  protocol !== TCP || sourcePort !== sent || (flags & (FLAGS.SYN | FLAGS.ACK)) === FLAGS.SYN;

function seen(namespace: string, { event, passage, packet, inLink, outLink }: PlacedEvent): SeenEvent {
  const common = { namespace, packet: seenPacket(packet) };
  if (passage) return { kind: 'passage', ...common, ...passage, inLink, outLink };
  const { family, table, chain, handle, verdict } = event;
  return { kind: 'rule', ...common, family, table, chain, verdict, ...(handle !== 0 && { handle }) };
}

function seenByLegacy(namespace: string, { packet, ...rule }: LegacyTraceEvent): SeenEvent {
  return { kind: 'legacy-rule', namespace, ...rule, packet: seenPacket(packet) };
}

function seenPacket({
  source,
  destination,
  protocol,
  sourcePort,
  destinationPort,
  flags,
  icmp,
  ttl,
}: PlacedEvent['packet']): SeenPacket {
  const set = Object.entries(FLAGS).filter(([, bit]) => flags & bit);
  return {
    source,
    destination,
    protocol: protocolName(protocol),
    sourcePort,
    destinationPort,
    flags: set.map(([flag]) => flag),
    ...(icmp && { icmp }),
    ttl,
  };
}
