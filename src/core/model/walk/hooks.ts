/** Which base chains stand at which hook, in the order in which the kernel asks them. */
import type { Version } from '../../address/address.ts';
import type { Table } from '../../firewall/rule.ts';
import type { NftChain, NftTable } from '../../firewall/nft/ruleset.ts';
import type { IptablesTable, LinuxNamespace } from '../linux.ts';
import { needsTracking, readyTable } from './iptables.ts';
import type { BaseChain } from './machine.ts';
import { nftNeedsTracking, readyNftTable } from './nft.ts';
import type { Hook } from './step.ts';

export type Station =
  | { readonly kind: 'chain'; readonly priority: number; readonly base: BaseChain; readonly reroutes: boolean }
  | { readonly kind: 'conntrack'; readonly priority: number }
  | { readonly kind: 'nat'; readonly priority: number; readonly lookups: readonly BaseChain[] }
  | { readonly kind: 'confirm'; readonly priority: number };

const PRIORITY: Readonly<Record<Table, number>> = { raw: -300, mangle: -150, nat: -100, filter: 0, security: 50 };
const BUILT_IN: Readonly<Record<string, Hook>> = {
  PREROUTING: 'prerouting',
  INPUT: 'input',
  FORWARD: 'forward',
  OUTPUT: 'output',
  POSTROUTING: 'postrouting',
};
/** By table: legacy iptables' base chains. */
const CONNTRACK = -200;
const DESTINATION_NAT = -100;
const SOURCE_NAT = 100;
const CONFIRM = Number.MAX_SAFE_INTEGER;

interface Registered {
  readonly hook: Hook;
  readonly priority: number;
  readonly isNat: boolean;
  readonly reroutes: boolean;
  readonly base: BaseChain;
}

/** The hooks of one namespace for one version of IP. */
export class Hooks {
  /** Whether some rule made the kernel track connections. */
  readonly tracks: boolean;
  readonly #stations = new Map<Hook, readonly Station[]>();

  constructor(namespace: LinuxNamespace, version: Version) {
    const family = version === 4 ? 'ip' : 'ip6';
    const tables = namespace.iptables.filter((table) => table.family === family);
    // What iptables-nft holds is listed by nft too: its own listing says more.
    const twins = new Set(tables.filter(({ variant }) => variant === 'nft').map(({ table }) => table as string));
    const nft = namespace.nftables.tables.filter(
      (table) => !table.dormant && (table.family === 'inet' || (table.family === family && !twins.has(table.name))),
    );
    this.tracks =
      tables.some((table) =>
        [...table.chains.values()].some(({ rules }) => rules.some(({ rule }) => needsTracking(rule))),
      ) || nft.some((table) => [...table.chains.values()].some(({ rules }) => rules.some(nftNeedsTracking)));
    const all = [...tables.flatMap(iptablesChains), ...nft.flatMap(nftChains)];
    for (const hook of Object.values(BUILT_IN)) this.#stations.set(hook, this.#order(hook, all));
  }

  #order(hook: Hook, all: readonly Registered[]): readonly Station[] {
    const hasNat = all.some(({ isNat }) => isNat);
    // Of chains of one priority, the one that came last is asked first.
    const here = all
      .filter((its) => its.hook === hook)
      .toReversed()
      .sort((a, b) => a.priority - b.priority);
    const stations: Station[] = here
      .filter(({ isNat }) => !isNat)
      .map(({ priority, base, reroutes }) => ({ kind: 'chain', priority, base, reroutes }));
    if (this.tracks && (hook === 'prerouting' || hook === 'output')) {
      stations.push({ kind: 'conntrack', priority: CONNTRACK });
    }
    if (hasNat && hook !== 'forward') {
      const priority = hook === 'prerouting' || hook === 'output' ? DESTINATION_NAT : SOURCE_NAT;
      stations.push({ kind: 'nat', priority, lookups: here.filter(({ isNat }) => isNat).map(({ base }) => base) });
    }
    if (this.tracks && (hook === 'input' || hook === 'postrouting')) {
      stations.push({ kind: 'confirm', priority: CONFIRM });
    }
    return stations.sort((a, b) => a.priority - b.priority);
  }

  at(hook: Hook): readonly Station[] {
    return this.#stations.get(hook) ?? [];
  }
}

function iptablesChains(table: IptablesTable): Registered[] {
  const chainNamed = readyTable(table);
  const registered: Registered[] = [];
  for (const { name, policy } of table.chains.values()) {
    const hook = BUILT_IN[name];
    const chain = chainNamed(name);
    if (!hook || !chain || policy === undefined) continue;
    const isSource = hook === 'input' || hook === 'postrouting';
    const priority = table.table === 'nat' && isSource ? SOURCE_NAT : PRIORITY[table.table];
    const { family, variant } = table;
    const base: BaseChain = {
      chain,
      chainNamed,
      policy: policy === 'DROP' ? 'drop' : 'accept',
      place: { machinery: 'iptables', variant, family, table: table.table, chain: name },
    };
    registered.push({
      hook,
      priority,
      base,
      isNat: table.table === 'nat',
      reroutes: table.table === 'mangle' && hook === 'output',
    });
  }
  return registered;
}

const HOOKS = new Set<string>(Object.values(BUILT_IN));

function nftChains(table: NftTable): Registered[] {
  const chainNamed = readyNftTable(table);
  return [...table.chains.values()].flatMap((its: NftChain) => {
    const chain = chainNamed(its.name);
    if (!its.base || !chain || !HOOKS.has(its.base.hook)) return [];
    const { family, name } = table;
    const base: BaseChain = {
      chain,
      chainNamed,
      policy: its.base.policy,
      place: { machinery: 'nftables', family, table: name, chain: its.name },
    };
    const { type, hook, priority } = its.base;
    return [{ hook: hook as Hook, priority, base, isNat: type === 'nat', reroutes: type === 'route' }];
  });
}

const known = new WeakMap<LinuxNamespace, Map<Version, Hooks>>();

export function hooksOf(namespace: LinuxNamespace, version: Version): Hooks {
  let versions = known.get(namespace);
  if (!versions) known.set(namespace, (versions = new Map()));
  let hooks = versions.get(version);
  if (!hooks) versions.set(version, (hooks = new Hooks(namespace, version)));
  return hooks;
}
