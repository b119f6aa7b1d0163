/** What is known of a host, put together for the checks: whoever manages it. */
import { hostAddress } from '../../address/prefix.ts';
import { parseListing } from '../../firewall/parse.ts';
import { printRule } from '../../firewall/print.ts';
import type { Rule } from '../../firewall/rule.ts';
import type { LinuxNamespace } from '../../model/linux.ts';
import { linuxFromTexts, type NamespaceTexts } from '../../model/texts.ts';
import type { PortBinding } from '../../network/endpoint.ts';
import type { Entry } from '../explain/entry.ts';
import { explainSnapshot } from '../explain/snapshot.ts';
import { infer } from '../foreign/docker/infer.ts';
import { HOST, type EngineSnapshot, type Snapshot } from '../snapshot/snapshot.ts';
import { traceStage, type TraceStage } from '../snapshot/trace.ts';
import type { TraceQuestion } from '../trace/question.ts';
import { trace, type Trace } from '../trace/trace.ts';

export interface NetworkFacts {
  readonly name: string;
  readonly bridge: string;
  readonly subnets: readonly string[];
  readonly internal: boolean;
  readonly icc: boolean;
}

export interface ContainerFacts {
  readonly name: string;
  readonly network: string;
  /** Without its length. */
  readonly address: string;
  /** Those that a port of the host leads to. */
  readonly bindings: readonly PortBinding[];
  /** The inside; undefined where nobody looked. */
  readonly inside: LinuxNamespace | undefined;
}

/** A rule of iptables where it stands. */
export interface SeenRule {
  readonly rule: Rule;
  /** `-A FORWARD …` */
  readonly text: string;
  /** In its chain, from 1. */
  readonly number: number;
  readonly variant: 'legacy' | 'nft';
  /** Undefined if the listing has no counters. */
  readonly packets: number | undefined;
  /** Who wrote it. */
  readonly owner: string;
}

export interface SeenChain {
  readonly family: 'ip' | 'ip6';
  readonly table: string;
  readonly name: string;
  readonly variant: 'legacy' | 'nft';
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
  /** That the policy decided on. */
  readonly packets: number;
}

export interface Facts {
  readonly host: LinuxNamespace;
  readonly networks: readonly NetworkFacts[];
  readonly containers: readonly ContainerFacts[];
  readonly rules: readonly SeenRule[];
  readonly chains: readonly SeenChain[];
  /** Every object with its state: missing, stale, foreign. */
  readonly entries: readonly Entry[];
  /** Undefined on a host that is not ours. */
  readonly engine: EngineSnapshot | undefined;
  /** Walks a packet through this host. Throws TraceError. */
  readonly trace: (question: TraceQuestion) => Trace;
}

export function factsOf(snapshot: Snapshot): Facts {
  const { linux } = linuxFromTexts(new Map(Object.entries({ [HOST]: {}, ...snapshot.namespaces })));
  const host = linux.namespaces.get(HOST)!;
  const entries = explainSnapshot(snapshot);
  const texts = snapshot.namespaces[HOST] ?? {};
  const owners = new Map(
    entries.flatMap(({ object, owner }) =>
      object.kind === 'rule' ? [[ruleId(object.rule), owner.kind === 'foreign' ? owner.name : 'Passerelle']] : [],
    ),
  );
  const { rules, chains } = seen(texts, owners);
  const { engine } = snapshot;
  const its = engine ? ours(engine, linux.namespaces) : theirs(snapshot, host, rules);
  return { host, rules, chains, entries, engine, ...its, trace: tracerOf(snapshot) };
}

/** The stage is set when the first question comes. */
function tracerOf(snapshot: Snapshot): Facts['trace'] {
  let stage: TraceStage | undefined;
  return (question) => {
    stage ??= traceStage(snapshot);
    return trace(question, stage.linux, stage.places);
  };
}

function ruleId(rule: Rule): string {
  return `${rule.family} ${rule.table} ${printRule(rule)}`;
}

const LISTINGS = [
  ['iptables', 'ip', 'nft'],
  ['ip6tables', 'ip6', 'nft'],
  ['iptablesLegacy', 'ip', 'legacy'],
  ['ip6tablesLegacy', 'ip6', 'legacy'],
] as const satisfies readonly (readonly [keyof NamespaceTexts, 'ip' | 'ip6', 'legacy' | 'nft'])[];

function seen(texts: NamespaceTexts, owners: ReadonlyMap<string, string>): Pick<Facts, 'rules' | 'chains'> {
  const rules: SeenRule[] = [];
  const chains: SeenChain[] = [];
  for (const [part, family, variant] of LISTINGS) {
    for (const listed of parseListing(texts[part] ?? '', family).tables) {
      const numbers = new Map<string, number>();
      for (const { name, policy, counters } of listed.chains) {
        chains.push({ family, table: listed.table, name, variant, policy, packets: counters.packets });
      }
      for (const { rule, counters } of listed.rules) {
        const number = (numbers.get(rule.chain) ?? 0) + 1;
        numbers.set(rule.chain, number);
        const owner = owners.get(ruleId(rule)) ?? 'unknown owner';
        rules.push({ rule, text: printRule(rule), number, variant, packets: counters?.packets, owner });
      }
    }
  }
  return { rules, chains };
}

function ours(
  { networks, containers, endpoints }: EngineSnapshot,
  namespaces: ReadonlyMap<string, LinuxNamespace>,
): Pick<Facts, 'networks' | 'containers'> {
  const names = new Map(containers.map(({ id, name }) => [id, name]));
  return {
    networks: networks.flatMap(({ name, bridge, ipam, internal }) =>
      bridge
        ? [{ name, bridge: bridge.name, subnets: ipam.pools.map(({ subnet }) => subnet), internal, icc: bridge.icc }]
        : [],
    ),
    containers: endpoints.flatMap(({ containerId, networkId, sandboxId, ipv4, ipv6, bindings }) => {
      const network = networks.find(({ id }) => id === networkId);
      const address = ipv4 || ipv6;
      if (!network || !address) return [];
      return {
        name: names.get(containerId) ?? containerId,
        network: network.name,
        address: hostAddress(address),
        bindings: bindings.filter(({ hostPort }) => hostPort > 0),
        inside: namespaces.get(sandboxId),
      };
    }),
  };
}

/** On a host of Docker's the rules tell which networks there are. */
function theirs(
  { docker }: Snapshot,
  { links }: LinuxNamespace,
  rules: readonly SeenRule[],
): Pick<Facts, 'networks' | 'containers'> {
  const names = {
    networks: new Map(Object.entries(docker?.networks ?? {})),
    containers: new Map(Object.entries(docker?.containers ?? {})),
  };
  const inferred = infer(
    rules.map(({ rule }) => rule),
    names,
  );
  return {
    networks: [...inferred.networks.values()]
      // Rules of bridges that are gone have a check of their own.
      .filter(({ bridge }) => links.size === 0 || links.has(bridge!.name))
      .map(({ name, bridge, ipam }) => ({
        name,
        bridge: bridge!.name,
        subnets: ipam.pools.map(({ subnet }) => subnet).filter((subnet) => !subnet.endsWith('/0')),
        internal: rules.some(
          ({ rule }) =>
            /^DOCKER-(ISOLATION-STAGE-1|INTERNAL)$/.test(rule.chain) &&
            rule.target.kind === 'drop' &&
            rule.matches.some((match) => match.kind === 'out' && match.link === bridge!.name),
        ),
        icc: !rules.some(({ rule: { chain, target, matches } }) => {
          const isWithin =
            matches.filter((match) => 'link' in match && match.link === bridge!.name && !match.not).length === 2;
          return isWithin && target.kind === 'drop' && /^(FORWARD|DOCKER-FORWARD)$/.test(chain);
        }),
      })),
    containers: inferred.places.map(({ containerName, network, endpoint }) => ({
      name: containerName,
      network: network.name,
      address: hostAddress(endpoint.ipv4 || endpoint.ipv6),
      bindings: endpoint.bindings,
      inside: undefined,
    })),
  };
}
