/** A question about a snapshot's host, walked through what the snapshot tells of it. */
import { hostAddress } from '../../address/prefix.ts';
import type { Linux } from '../../model/linux.ts';
import { linuxFromTexts, type TextProblem } from '../../model/texts.ts';
import type { Desired } from '../../plan/object.ts';
import type { Entry } from '../explain/entry.ts';
import { explainSnapshot } from '../explain/snapshot.ts';
import type { TracePlace } from '../trace/place.ts';
import { TraceError, type TraceQuestion } from '../trace/question.ts';
import { withReasons } from '../trace/reasons.ts';
import { trace, type Trace } from '../trace/trace.ts';
import { HOST, INSIDE, type DockerNames, type EngineSnapshot, type Snapshot } from './snapshot.ts';

/** What a question is put to. */
export interface TraceStage {
  readonly linux: Linux;
  readonly places: readonly TracePlace[];
  /** What could not be read of the snapshot. */
  readonly problems: readonly string[];
  /** That of the rules: without it no verdict is sure. */
  readonly lostRules: readonly string[];
}

/** @throws TraceError where too little is known of the host for any answer */
export function traceStage(snapshot: Snapshot): TraceStage {
  const { linux, problems } = linuxFromTexts(new Map(Object.entries(snapshot.namespaces)));
  const unknown = linux.namespaces.get(HOST)?.unknown ?? new Set(['addresses', 'routes']);
  const lacking = (['addresses', 'routes'] as const).filter((part) => unknown.has(part));
  if (lacking.length > 0) {
    throw new TraceError(
      `the ${lacking.join(' and ')} of the host are not there, and without them nothing can be said: add the output of ${lacking.map((part) => COMMANDS[part]).join(' and ')}`,
    );
  }
  const reasons = explainSnapshot(snapshot).map(reasoned);
  return {
    linux: withReasons(linux, reasons),
    places: placesOf(snapshot),
    problems: [...snapshot.problems, ...problems.map(tellProblem)],
    lostRules: problems.filter(({ part }) => /^(?:ip6?tables|nft)/.test(part)).map(tellProblem),
  };
}

function tellProblem({ namespace, part, line, message }: TextProblem): string {
  const place = namespace === HOST ? '' : `${namespace}: `;
  return `${place}${part}${line === 0 ? '' : `, line ${line}`}: ${message}`;
}

const COMMANDS = { addresses: '`ip addr`', routes: '`ip route`' } as const;

/** Parts of the host that rules may be in, and that a paste may lack. */
const RULES = { iptables: '`iptables-save`', nftables: '`nft -j list ruleset`' } as const;

/** nftables' families whose rules stand before and behind IP. */
const UNWALKED: ReadonlySet<string> = new Set(['bridge', 'netdev', 'arp']);

/** @throws TraceError where the question names what is not there */
export function traceSnapshot(snapshot: Snapshot, question: TraceQuestion): Trace {
  const { linux, places, problems, lostRules } = traceStage(snapshot);
  const traced = trace(question, linux, places);
  const [lost] = lostRules;
  const { unknown, nftables } = linux.namespaces.get(HOST)!;
  const unwalked = nftables.tables
    .filter(({ family, chains }) => UNWALKED.has(family) && [...chains.values()].some(({ rules }) => rules.length > 0))
    .map(({ family, name }) => `the nft table ${family} ${name} lets it pass: its rules are not walked`);
  const lacking = (['iptables', 'nftables'] as const)
    .filter((part) => unknown.has(part))
    .map((part) => `there are no rules that only ${RULES[part]} would show: its output is not there`);
  return {
    ...traced,
    ...(lost !== undefined && {
      verdict: 'unknown' as const,
      reason: `as far as the rules could be read: ${traced.reason}`,
      missing: traced.missing ?? { fact: `rules that could not be read: ${lost}` },
    }),
    assumptions: [...traced.assumptions, ...unwalked, ...lacking],
    ...(problems.length > 0 && { problems }),
  };
}

/** A foreign program's name stands where ours has the record. */
function reasoned({ object, owner, why }: Entry): Desired {
  const { id, name } = owner;
  return { ...object, why, owner: { kind: owner.kind === 'foreign' ? 'engine' : owner.kind, id, name } };
}

export function placesOf({ engine, docker }: Snapshot): readonly TracePlace[] {
  if (engine) return engine.sandboxes.flatMap((sandbox) => placeOf(engine, sandbox));
  return docker ? dockerPlaces(docker) : [];
}

function placeOf(
  { containers, endpoints, networks }: EngineSnapshot,
  { id, containerId, host }: EngineSnapshot['sandboxes'][number],
): TracePlace[] {
  const container = containers.find((its) => its.id === containerId);
  if (!container) return [];
  const its = endpoints.filter(({ sandboxId }) => sandboxId === id);
  return [
    {
      name: container.name,
      aliases: [container.id, container.id.slice(0, 12), ...its.flatMap(({ aliases }) => aliases)],
      namespace: host ? 'host' : id,
      addresses: its.flatMap(({ networkId, ipv4, ipv6 }) =>
        [ipv4, ipv6]
          .filter((text) => text !== '')
          .map((text) => ({
            network: networks.find((network) => network.id === networkId)?.name ?? networkId,
            address: hostAddress(text),
          })),
      ),
    },
  ];
}

/** Of containers that nobody looked into nothing is known but their addresses. */
function dockerPlaces({ containers, addresses = {}, onHost = {}, shared = {} }: DockerNames): readonly TracePlace[] {
  const placeIn = (name: string, whose: string): TracePlace => ({
    name,
    aliases: [],
    namespace: `${INSIDE}${whose}`,
    addresses: Object.entries(containers)
      .filter(([, its]) => its === whose)
      .map(([address]) => ({ network: addresses[address] ?? '', address })),
  });
  const hosts = new Set(Object.keys(onHost));
  return [
    ...[...new Set(Object.values(containers))].map((name) => placeIn(name, name)),
    ...[...hosts].map((name) => ({ name, aliases: [], namespace: HOST, addresses: [] })),
    ...Object.entries(shared).map(([name, whose]) =>
      hosts.has(whose) ? { name, aliases: [], namespace: HOST, addresses: [] } : placeIn(name, whose),
    ),
  ];
}
