/** The proof: what the model predicts, and what the kernel does. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Socket } from 'node:net';
import { printAddress, type Version } from '../../src/core/address/address.ts';
import type { Linux } from '../../src/core/model/linux.ts';
import { ICMP, TCP } from '../../src/core/model/walk/packet.ts';
import { walk, type Outcome, type Walked, type Way } from '../../src/core/model/walk/walk.ts';
import { openTcpConnection } from '../../src/linux/socket.ts';
import { withNamespace } from '../../src/linux/namespace.ts';
import { LegacyTraceMonitor } from '../../src/linux/netlink/legacy-trace.ts';
import { Chance } from './chance.ts';
import { Drops } from './drops.ts';
import { decode, decodeAbout, encode, isIcmp, type RawPacket } from './packet.ts';
import { probeOf, shoot, type Shot } from './probes.ts';
import { apply, type RuleSet } from './rulesets.ts';
import { inside, namespacePath, UPLINK, WalkStage } from './stage.ts';
import { startTracing, TRACE_TABLE, Tracer } from './trace.ts';
import { Wire } from './wire.ts';

export interface Mistake {
  readonly ruleSet: string;
  readonly shot: Shot;
  readonly what: 'rules' | 'arrival' | 'reason' | 'answer' | 'connect';
  readonly predicted: string;
  readonly seen: string;
}

export interface Proof {
  readonly ruleSets: number;
  readonly probes: number;
  readonly connects: number;
  /** How many verdicts and rules were compared. */
  readonly rules: number;
  readonly unknown: number;
  readonly mistakes: readonly Mistake[];
  /** Probes by how they ended. */
  readonly ends: ReadonlyMap<string, number>;
}

export interface Extent {
  readonly seed: number;
  readonly probes: number;
  readonly connects: number;
}

/** The counts, for people. */
export function report(proof: Proof): string {
  const { ruleSets, probes, connects, rules, unknown, mistakes, ends } = proof;
  const wrong = mistakes.slice(0, 20).map((mistake) => `wrong: ${JSON.stringify(mistake)}\n`);
  const kinds = [...ends].toSorted(([, a], [, b]) => b - a).map(([end, count]) => `${count} ${end}`);
  return [
    ...wrong,
    `${ruleSets} rule sets, ${probes} probes (${kinds.join(', ')}), ${rules} decisions of rules, ${connects} connects: `,
    `${mistakes.length} wrong, ${unknown} unknown\n`,
  ].join('');
}

const BATCH = 100;

export async function prove(ruleSets: readonly RuleSet[], extent: Extent, log: (line: string) => void): Promise<Proof> {
  const stage = new WalkStage();
  const sums = { probes: 0, connects: 0, rules: 0, unknown: 0 };
  const mistakes: Mistake[] = [];
  const ends = new Map<string, number>();
  try {
    const range = await Range.open(stage);
    for (const ruleSet of ruleSets) {
      const linux = apply(stage, ruleSet);
      const handles = handlesOf();
      const { version = 4 } = ruleSet;
      startTracing('host', version);
      const lengths = legacyLengths(linux, version);
      const chance = new Chance(extent.seed + hash(ruleSet.name));
      const before = mistakes.length;
      const started = Date.now();
      for (let id = 1; id <= extent.probes; id += BATCH) {
        const shots = Array.from({ length: Math.min(BATCH, extent.probes - id + 1) }, (_, at) =>
          likely(linux, shoot(chance, id + at, sums.probes + at, version)),
        );
        const sightings = await range.fire(shots);
        for (const shot of shots) {
          const walked = walk(linux, probeOf(shot));
          sums.probes += 1;
          const { end } = walked.way;
          const name = end.kind === 'dropped' ? `dropped ${end.dropReason ?? ''}` : end.kind;
          ends.set(name, (ends.get(name) ?? 0) + 1);
          if (walked.verdict === 'unknown') {
            sums.unknown += 1;
            continue;
          }
          sums.rules += rulesOf(walked.way, handles).length + legacyRulesOf(walked.way).length;
          const seen = sightings.get(shot.id)!;
          const legacy = seen.legacyRules.filter((rule) => isRule(rule, lengths));
          mistakes.push(...compare(ruleSet, shot, walked, { ...seen, legacyRules: legacy }, handles));
        }
      }
      const connected = await connects(ruleSet, linux, chance, extent.connects);
      sums.connects += extent.connects;
      mistakes.push(...connected);
      log(`${ruleSet.name}: ${mistakes.length - before} wrong, ${Date.now() - started} ms`);
    }
  } finally {
    stage.close();
  }
  return { ruleSets: ruleSets.length, ...sums, mistakes, ends };
}

/** Each rule set has its own probes, whatever others are proven with it. */
const hash = (text: string) =>
  Array.from(text).reduce((all, letter) => (Math.imul(all, 31) + letter.codePointAt(0)!) >>> 0, 7);

const sizeOfSyn = ({ destination }: Shot) => (destination.includes(':') ? 60 : 40);

/** Only what opens can be established: what does not is sent as a first packet. */
function likely(linux: Linux, shot: Shot): Shot {
  if (!shot.established) return shot;
  const first: Shot = { ...shot, established: false, flags: ['SYN'] };
  return walk(linux, probeOf({ ...first, ttl: 64, size: sizeOfSyn(shot) })).way.outcome === 'answered' ? shot : first;
}

/** What was seen of one probe. */
interface Sighting {
  readonly rules: string[];
  /** Of iptables-legacy: `table chain number`, the ends of chains too. */
  readonly legacyRules: string[];
  /** Where it came in, by namespace. */
  readonly arrivals: Map<string, RawPacket[]>;
  answer: RawPacket | undefined;
  /** An answer came, but not from where the sender had sent to. */
  strange: RawPacket | undefined;
  reasons: ReadonlySet<string>;
  error: string | undefined;
}

class Range {
  readonly #wires = new Map<string, Wire>();
  readonly #tracer = new Tracer('host');
  readonly #legacyTracer = withNamespace(namespacePath('host'), () => new LegacyTraceMonitor());
  readonly #drops = new Drops();
  #uplink = { index: 0, mac: '' };

  static async open(stage: WalkStage): Promise<Range> {
    const range = new Range();
    for (const name of stage.names) range.#wires.set(name, new Wire(name));
    for (const wire of [...range.#wires.values(), range.#tracer, range.#legacyTracer, range.#drops]) stage.keep(wire);
    const links = JSON.parse(inside('world', ['ip', '-j', 'link'])) as { ifname: string; ifindex: number }[];
    const host = JSON.parse(inside('host', ['ip', '-j', 'link'])) as { ifname: string; address: string }[];
    range.#uplink = {
      index: links.find(({ ifname }) => ifname === UPLINK)!.ifindex,
      mac: host.find(({ ifname }) => ifname === UPLINK)!.address,
    };
    // Late announcements of new links go by.
    await sleep(200);
    return range;
  }

  /** Sends a batch and gathers what the kernel made of it. */
  async fire(shots: readonly Shot[]): Promise<Map<number, Sighting>> {
    const openings = shots.filter(({ established }) => established);
    for (const shot of openings)
      this.#send({ ...shot, id: 0x8000 + shot.id, flags: ['SYN'], ttl: 64, size: sizeOfSyn(shot) });
    if (openings.length > 0) await sleep(60);
    this.#clear();
    const sightings = new Map<number, Sighting>();
    for (const shot of shots) {
      this.#drops.mark(shot.id);
      const error = this.#send(shot);
      sightings.set(shot.id, {
        rules: [],
        legacyRules: [],
        arrivals: new Map(),
        answer: undefined,
        strange: undefined,
        reasons: new Set(),
        error,
      });
    }
    this.#drops.mark(0);
    await sleep(120);
    this.#gather(shots, sightings);
    return sightings;
  }

  #send(shot: Shot): string | undefined {
    const bytes = encode(shot);
    const wire = this.#wires.get(shot.origin)!;
    return shot.spoofed ? wire.frame(bytes, this.#uplink.index, this.#uplink.mac) : wire.send(bytes, shot.destination);
  }

  #clear(): void {
    this.#tracer.take();
    this.#legacyTracer.take();
    this.#drops.take();
    for (const wire of this.#wires.values()) wire.take();
  }

  #gather(shots: readonly Shot[], sightings: Map<number, Sighting>): void {
    const byPort = new Map(shots.map((shot) => [shot.sourcePort, shot]));
    const current = new Map<number, number>();
    for (const event of this.#tracer.take()) {
      // The kernel's own packets have ids too, by chance the same.
      if (event.packet) {
        const shot = byPort.get(event.packet.sourcePort);
        current.set(event.trace, shot?.id === event.packet.id ? shot.id : -1);
      }
      const sighting = sightings.get(current.get(event.trace) ?? -1);
      if (sighting && event.kind === 'rule' && event.table !== TRACE_TABLE) {
        sighting.rules.push(`${event.table} ${event.chain} ${event.handle}`);
      }
    }
    for (const { table, chain, number, packet } of this.#legacyTracer.take()) {
      if (byPort.get(packet.sourcePort)?.id !== packet.id || isEchoReply(packet)) continue;
      sightings.get(packet.id)?.legacyRules.push(`${table} ${chain} ${number}`);
    }
    for (const [id, reasons] of this.#drops.take()) {
      const sighting = sightings.get(id);
      if (sighting) sighting.reasons = reasons;
    }
    for (const [name, wire] of this.#wires) {
      for (const bytes of wire.take()) {
        const packet = decode(bytes);
        if (!packet) continue;
        const isProbe = !isEchoReply(packet) && byPort.get(packet.sourcePort)?.id === packet.id;
        const sighting = isProbe ? sightings.get(packet.id) : undefined;
        if (sighting) {
          const its = sighting.arrivals.get(name);
          if (its) its.push(packet);
          else sighting.arrivals.set(name, [packet]);
        }
        noteAnswer(name, packet, bytes, byPort, sightings);
      }
    }
  }
}

const isEchoReply = ({ protocol, icmp }: Pick<RawPacket, 'protocol' | 'icmp'>) =>
  icmp?.type === (protocol === ICMP ? 0 : 129);

/** An answer is what the sender's socket would take for one. */
function noteAnswer(
  name: string,
  packet: RawPacket,
  bytes: Uint8Array,
  byPort: ReadonlyMap<number, Shot>,
  sightings: ReadonlyMap<number, Sighting>,
): void {
  const isError =
    packet.icmp !== undefined && (packet.protocol === ICMP ? [3, 11] : [1, 2, 3, 4]).includes(packet.icmp.type);
  const about = isError ? decodeAbout(bytes) : undefined;
  const shot = byPort.get(
    about ? about.sourcePort : isIcmp(packet.protocol) ? packet.sourcePort : packet.destinationPort,
  );
  if (
    !shot ||
    (!about && packet.protocol !== shot.protocol) ||
    shot.spoofed ||
    shot.origin !== name ||
    packet.id === shot.id
  )
    return;
  const sighting = sightings.get(shot.id)!;
  const isHost = name === 'host';
  if (about) {
    if (about.id !== shot.id) return;
    const same = about.destination === shot.destination && about.source === shot.source;
    if (same || isHost) sighting.answer ??= packet;
    return;
  }
  if (isIcmp(packet.protocol) && !isEchoReply(packet)) return;
  if (packet.protocol === TCP && !packet.flags.includes('RST') && !packet.flags.includes('SYN')) return;
  // In the host, packets are seen before they are translated back.
  const same = packet.source === shot.destination && packet.destination === shot.source;
  if (same || isHost) sighting.answer ??= packet;
  else sighting.strange ??= packet;
}

/** `family table chain index` of iptables' rules by their handles in nftables, in which the trace speaks. */
type Handles = ReadonlyMap<string, number>;

function handlesOf(): Handles {
  const { nftables } = JSON.parse(inside('host', ['nft', '-a', '-j', 'list', 'ruleset'])) as {
    nftables: { rule?: { table: string; chain: string; handle: number; family: string } }[];
  };
  const handles = new Map<string, number>();
  const counts = new Map<string, number>();
  for (const { rule } of nftables) {
    if (!rule) continue;
    const chain = `${rule.family} ${rule.table} ${rule.chain}`;
    const index = counts.get(chain) ?? 0;
    counts.set(chain, index + 1);
    handles.set(`${chain} ${index}`, rule.handle);
  }
  return handles;
}

function rulesOf(way: Way, handles: Handles): string[] {
  return way.steps.flatMap(({ namespace, rule }) => {
    if (namespace !== 'host' || rule?.index === undefined || rule.variant === 'legacy') return [];
    const handle = rule.handle ?? handles.get(`${rule.family} ${rule.table} ${rule.chain} ${rule.index}`);
    return [`${rule.table} ${rule.chain} ${handle}`];
  });
}

/** As the kernel numbers them: what lies behind a chain's last rule is its end. */
function legacyRulesOf(way: Way): string[] {
  return way.steps.flatMap(({ namespace, rule }) =>
    namespace === 'host' && rule?.index !== undefined && rule.variant === 'legacy'
      ? [`${rule.table} ${rule.chain} ${rule.index + 1}`]
      : [],
  );
}

/** Whether it is no chain's end. */
function isRule(rule: string, lengths: ReadonlyMap<string, number>): boolean {
  const [, chain = '', number] = /^(.*) (\d+)$/.exec(rule) ?? [];
  return Number(number) <= (lengths.get(chain) ?? 0);
}

/** How many rules each chain of iptables-legacy has: `table chain` -> number. */
function legacyLengths(linux: Linux, version: Version): ReadonlyMap<string, number> {
  const family = version === 4 ? 'ip' : 'ip6';
  const tables = linux.namespaces
    .get('host')!
    .iptables.filter((its) => its.variant === 'legacy' && its.family === family);
  return new Map(
    tables.flatMap(({ table, chains }) =>
      [...chains.values()].map(({ name, rules }) => [`${table} ${name}`, rules.length]),
    ),
  );
}

const SILENT_REASONS = new Set([
  'UNKNOWN',
  'BRIDGE_INGRESS_PORT',
  'BRIDGE_ISOLATED',
  'NEIGH_FAILED',
  'TTL_EXCEEDED',
  'DEV_READY',
  'OTHERHOST',
]);

function compare(ruleSet: RuleSet, shot: Shot, walked: Walked, seen: Sighting, handles: Handles): Mistake[] {
  const mistakes: Mistake[] = [];
  const wrong = (what: Mistake['what'], predicted: string, was: string) => {
    if (predicted !== was) mistakes.push({ ruleSet: ruleSet.name, shot, what, predicted, seen: was });
  };
  // Of ways that end alike any may be the one.
  const rules = seen.rules.join('\n');
  const legacyRules = seen.legacyRules.join('\n');
  const ways = [walked.way, ...walked.others.map(({ way }) => way)];
  const way =
    ways.find((its) => rulesOf(its, handles).join('\n') === rules && legacyRulesOf(its).join('\n') === legacyRules) ??
    walked.way;
  const { end } = way;
  wrong('rules', rulesOf(way, handles).join('\n'), rules);
  wrong('rules', legacyRulesOf(way).join('\n'), legacyRules);
  wrong('arrival', predictedArrival(way), seenArrival(shot, seen));
  if (end.kind === 'blocked' || (end.kind === 'dropped' && !SILENT_REASONS.has(end.dropReason ?? ''))) {
    const reason = end.dropReason ?? '';
    // Now and then another task of the kernel handles the packet: its trace is not among ours.
    if (seen.reasons.size > 0) wrong('reason', reason, seen.reasons.has(reason) ? reason : [...seen.reasons].join(' '));
  }
  if (!shot.spoofed && isAnswerSeen(shot, way, seen)) wrong('answer', predictedAnswer(way), seenAnswer(seen));
  return mistakes;
}

/** Why a packet is dropped that came in by a link. */
const IN_REASONS = new Set([
  'TCP_FLAGS',
  'IP_INADDRERRORS',
  'IP_INNOROUTES',
  'IP_LOCAL_SOURCE',
  'IP_LOCALNET',
  'IP_INVALID_SOURCE',
]);

/** Whether what was captured says what the sender is told. */
function isAnswerSeen(shot: Shot, { end, reply, outcome }: Way, seen: Sighting): boolean {
  // Routing errors are told five times to one sender, and once a second from then on.
  if (end.kind === 'dropped' && end.dropReason !== 'NEIGH_FAILED' && !seen.answer) return false;
  // In the host, what comes back is seen before the rules that it may be stopped by; real connects show that.
  return !(shot.origin === 'host' && outcome === 'silence' && reply?.end.namespace === 'host');
}

/** Of the packet that came to its end in a container or in the world; the host sees all packets on their way. */
function predictedArrival({ end }: Way): string {
  const isThere = ['accepted', 'answered', 'refused'].includes(end.kind) || IN_REASONS.has(end.dropReason ?? '');
  if (!isThere || end.namespace === 'host') return 'none';
  const { packet } = end;
  const ports = isIcmp(packet.protocol) ? '' : ` ${packet.sourcePort} ${packet.destinationPort}`;
  return `${end.namespace}: ${printAddress(packet.source)} > ${printAddress(packet.destination)}${ports} ttl ${packet.ttl}`;
}

function seenArrival(shot: Shot, { arrivals }: Sighting): string {
  for (const [name, packets] of arrivals) {
    if (name === 'host') continue;
    const packet = packets.at(-1)!;
    const ports = isIcmp(shot.protocol) ? '' : ` ${packet.sourcePort} ${packet.destinationPort}`;
    return `${name}: ${packet.source} > ${packet.destination}${ports} ttl ${packet.ttl}`;
  }
  return 'none';
}

function predictedAnswer({ outcome, reply, end }: Way): string {
  if (typeof outcome === 'object' && end.kind === 'failed')
    return end.dropReason === 'NEIGH_FAILED'
      ? end.packet.source.version === 4
        ? 'icmp 3/1'
        : 'icmp 1/3'
      : `send ${outcome.errno}`;
  if (outcome === 'silence' || outcome === 'left' || !reply) return 'silence';
  const { packet } = reply;
  // Nothing here answers datagrams.
  if (outcome === 'answered' && packet.protocol === 17) return 'silence';
  return packet.icmp
    ? `icmp ${packet.icmp.type}/${packet.icmp.code}`
    : packet.flags.includes('RST')
      ? 'rst'
      : 'syn-ack';
}

function seenAnswer({ answer, error }: Sighting): string {
  // A rule of OUTPUT that drops is told to a raw socket as EPERM; a TCP socket only waits.
  if (error !== undefined && error !== 'EPERM') return `send ${error}`;
  if (!answer) return 'silence';
  if (answer.icmp) return `icmp ${answer.icmp.type}/${answer.icmp.code}`;
  return answer.flags.includes('RST') ? 'rst' : 'syn-ack';
}

/**
 * An ICMP error that comes while connect() still runs is noted as a soft one only: the socket hears of
 * it when it sends its SYN again, a second later.
 */
const TIMEOUT = 2500;

/** Real connects, many at once. */
async function connects(ruleSet: RuleSet, linux: Linux, chance: Chance, count: number): Promise<Mistake[]> {
  const shots = Array.from({ length: count * 4 }, (_, at) => shoot(chance, at, at, ruleSet.version ?? 4))
    .filter(({ spoofed, protocol }) => !spoofed && protocol === TCP)
    .slice(0, count);
  const results = await Promise.all(shots.map((shot) => connect(shot)));
  return shots.flatMap((shot, index): Mistake[] => {
    const { from, destination, protocol, destinationPort, sourcePort } = probeOf(shot);
    const walked = walk(linux, { from, destination, protocol, destinationPort, sourcePort });
    const predicted = printOutcome(walked.way.outcome);
    const seen = results[index]!;
    if (walked.verdict === 'unknown' || predicted === seen) return [];
    // Routing errors are told five times to one sender, and once a second from then on.
    if (walked.way.end.kind === 'dropped' && seen === 'timeout') return [];
    return [{ ruleSet: ruleSet.name, shot, what: 'connect', predicted, seen }];
  });
}

function printOutcome(outcome: Outcome): string {
  return typeof outcome === 'object' ? outcome.errno : outcome === 'answered' ? 'connected' : 'timeout';
}

function connect({ origin, destination, destinationPort }: Shot): Promise<string> {
  let fd: number;
  try {
    fd = withNamespace(namespacePath(origin), () => openTcpConnection(destination, destinationPort));
  } catch (error) {
    return Promise.resolve((error as { code: string }).code);
  }
  return new Promise((resolve) => {
    const socket = new Socket({ fd });
    const done = (result: string) => {
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => done('timeout'), TIMEOUT);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      done(error.code ?? error.message);
    });
    // A socket made from an fd tells of its connection by becoming writable.
    socket.write('x', (error) => {
      if (error) return;
      clearTimeout(timer);
      done('connected');
    });
  });
}
