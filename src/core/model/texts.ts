/** The model from what tools print: `ip -j`, `iptables-save`, `nft -j`, `ss`, `sysctl`, `conntrack -L`. */
import { parseListing, type ParseProblem } from '../firewall/parse.ts';
import { parseRuleset } from '../firewall/nft/parse.ts';
import { EMPTY_RULESET } from '../firewall/nft/ruleset.ts';
import type { Linux, LinuxNamespace, Part } from './linux.ts';
import { cables, readAddresses, readLinks, readNeighbours, readRoutes, readRules, type ReadLink } from './iproute.ts';
import { readConntrack, readSockets, readSysctls } from './listings.ts';
import { DEFAULT_RULES } from './route.ts';
import { connectedRoutes, localRoutes } from './synthesis.ts';
import { tablesFromListing } from './tables.ts';

/** What was printed in one namespace; what is absent was not asked for, and is not known. */
export interface NamespaceTexts {
  /** `iptables-save` of iptables-nft, or of the only one there is. */
  readonly iptables?: string;
  readonly ip6tables?: string;
  readonly iptablesLegacy?: string;
  readonly ip6tablesLegacy?: string;
  /** `nft -j list ruleset`, with `-a` or without. */
  readonly nft?: string;
  /** `ip -j -d link` */
  readonly links?: string;
  /** `ip -j addr` */
  readonly addresses?: string;
  /** `ip -j -4 route show table all`; without the local table that is made from the addresses. */
  readonly routes?: string;
  readonly routes6?: string;
  readonly rules?: string;
  readonly rules6?: string;
  readonly neighbours?: string;
  /** `sysctl -a`, or lines of `net/ipv4/ip_forward=1`. */
  readonly sysctls?: string;
  /** `ss -lntu`, with `-p` or without. */
  readonly sockets?: string;
  /** `conntrack -L` */
  readonly conntrack?: string;
}

export interface TextProblem extends ParseProblem {
  readonly namespace: string;
  readonly part: keyof NamespaceTexts;
}

export interface ReadLinux {
  readonly linux: Linux;
  /** What could not be read; the rest is there. */
  readonly problems: readonly TextProblem[];
}

/** Namespaces by name. Never throws. */
export function linuxFromTexts(texts: ReadonlyMap<string, NamespaceTexts>): ReadLinux {
  const problems: TextProblem[] = [];
  const links = new Map<string, readonly ReadLink[]>();
  const guard = <T>(namespace: string, part: keyof NamespaceTexts, otherwise: T, read: () => T): T => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      problems.push({ namespace, part, line: 0, message: error.message });
      return otherwise;
    }
  };
  for (const [name, { links: text }] of texts) {
    links.set(
      name,
      guard(name, 'links', [], () => (text === undefined ? [] : readLinks(text))),
    );
  }
  const placed = cables(links);
  const namespaces = new Map<string, LinuxNamespace>();
  for (const [name, its] of texts) {
    const part = <T>(key: keyof NamespaceTexts, otherwise: T, read: (text: string) => T): T => {
      const text = its[key];
      return text === undefined ? otherwise : guard(name, key, otherwise, () => read(text));
    };
    const listed = (key: 'iptables' | 'ip6tables' | 'iptablesLegacy' | 'ip6tablesLegacy') => {
      const { tables, problems: wrong } = parseListing(its[key] ?? '', key.startsWith('ip6') ? 'ip6' : 'ip');
      problems.push(...wrong.map((problem) => ({ ...problem, namespace: name, part: key })));
      return tablesFromListing(tables, key.endsWith('Legacy') || isLegacy(its[key] ?? '') ? 'legacy' : 'nft');
    };
    /** Where iptables is the old one, both of its names print the same. */
    const plain = (key: 'iptables' | 'ip6tables') =>
      isLegacy(its[key] ?? '') && its[`${key}Legacy`] !== undefined ? [] : listed(key);
    const nft = its.nft === undefined ? undefined : parseRuleset(its.nft);
    problems.push(...(nft?.problems ?? []).map((problem) => ({ ...problem, namespace: name, part: 'nft' as const })));
    const own = placed.get(name)!;
    const addresses = part('addresses', [], readAddresses);
    const given = [
      ...part('routes', [], (text) => readRoutes(text, 4)),
      ...part('routes6', [], (text) => readRoutes(text, 6)),
    ];
    const lacks = (version: number) => !given.some(({ table, to }) => table === 255 && to.address.version === version);
    const made = localRoutes(addresses, own).filter(({ to }) => lacks(to.address.version));
    const connected =
      its.routes === undefined ? connectedRoutes(addresses, own).filter(({ to }) => to.address.version === 4) : [];
    namespaces.set(name, {
      name,
      links: own,
      addresses,
      routes: [...made, ...connected, ...given],
      rules: { ip: part('rules', DEFAULT_RULES, readRules), ip6: part('rules6', DEFAULT_RULES, readRules) },
      neighbours: part('neighbours', [], readNeighbours),
      sysctls: part('sysctls', new Map(), readSysctls),
      listeners: part('sockets', [], readSockets),
      flows: part('conntrack', [], readConntrack),
      iptables: [
        ...listed('iptablesLegacy'),
        ...listed('ip6tablesLegacy'),
        ...plain('iptables'),
        ...plain('ip6tables'),
      ],
      nftables: nft?.ruleset ?? EMPTY_RULESET,
      unknown: new Set(missing(its)),
    });
  }
  return { linux: { namespaces }, problems };
}

/** By the head that iptables-save prints: the one on nftables names itself. */
const isLegacy = (listing: string) => /^# Generated by ip6?tables-save v[^()\n]*$/m.test(listing);

function missing(its: NamespaceTexts): Part[] {
  const parts: Part[] = ['links', 'addresses', 'routes', 'sysctls', 'sockets', 'conntrack', 'nftables', 'neighbours'];
  const keyOf = (part: Part) => (part === 'nftables' ? 'nft' : part) as keyof NamespaceTexts;
  const absent = parts.filter((part) => its[keyOf(part)] === undefined);
  return its.iptables === undefined && its.iptablesLegacy === undefined ? [...absent, 'iptables'] : absent;
}
