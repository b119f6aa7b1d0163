/** The routing decision: rules choose a table, the longest prefix in it wins, then the lowest metric. */
import type { Address, Version } from '../../address/address.ts';
import { containsAddress } from '../../address/prefix.ts';
import type { LinuxNamespace } from '../linux.ts';
import { LOCAL, type Route, type RoutingRule } from '../route.ts';
import type { Fact } from './choices.ts';

/** What a decision is asked for. `source` undefined: not chosen yet. */
export interface RoutingKey {
  readonly destination: Address;
  readonly source?: Address | undefined;
  readonly mark: number;
  /** Undefined: the packet is made here. */
  readonly inLink?: string | undefined;
  readonly outLink?: string | undefined;
  readonly protocol?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

export type RoutingError = 'ENETUNREACH' | 'EHOSTUNREACH' | 'EACCES' | 'EINVAL';

export type RoutingResult =
  | { readonly route: Route; readonly error?: undefined }
  | { readonly error: RoutingError; readonly route?: undefined };

type Ask = (fact: Fact) => boolean;

/** The routes to prefixes of one length, by the bits that count; of one prefix, those of lower metric first. */
interface Prefixes {
  readonly length: number;
  readonly routes: Map<string | number, Route[]>;
}

/** The longest prefixes first. */
type Table = readonly Prefixes[];

function tableOf(routes: readonly Route[]): Table {
  const table = new Map<number, Prefixes>();
  for (const route of routes) {
    const { address, length } = route.to;
    let prefixes = table.get(length);
    if (!prefixes) table.set(length, (prefixes = { length, routes: new Map() }));
    const key = maskedKey(address, length);
    const others = prefixes.routes.get(key);
    if (others) insert(others, route);
    else prefixes.routes.set(key, [route]);
  }
  return [...table.values()].sort((a, b) => b.length - a.length);
}

/** Those of one metric stay in the order in which they were given. */
function insert(routes: Route[], route: Route): void {
  let at = routes.length;
  while (at > 0 && routes[at - 1]!.metric > route.metric) at -= 1;
  routes.splice(at, 0, route);
}

/** The bits of an address that count for a prefix of that length. */
function maskedKey({ version, words }: Address, length: number): string | number {
  // A signed number: V8 keeps an unsigned one above 2^31 as an object.
  if (version === 4) return length === 0 ? 0 : words[3] & (0xffffffff << (32 - length));
  let left = length;
  let key = '';
  for (const word of words) {
    const take = left <= 0 ? 0 : left >= 32 ? 0xffffffff : (0xffffffff << (32 - left)) >>> 0;
    key += `${(word & take) >>> 0}.`;
    left -= 32;
  }
  return key;
}

/** The forwarding information base of one namespace. */
export class Fib {
  /** Each is put in order when it is first asked. */
  readonly #tables: Readonly<Record<Version, Map<number, Table>>> = { 4: new Map(), 6: new Map() };
  readonly #namespace: LinuxNamespace;

  constructor(namespace: LinuxNamespace) {
    this.#namespace = namespace;
  }

  #table(version: Version, number: number): Table {
    const tables = this.#tables[version];
    let table = tables.get(number);
    if (!table) {
      const its = this.#namespace.routes.filter(
        (route) => route.table === number && route.to.address.version === version,
      );
      tables.set(number, (table = tableOf(its)));
    }
    return table;
  }

  /** What kind of address it is to the local table, as `-m addrtype` and `fib daddr type` see it. */
  addressType(address: Address, link?: string): Route['type'] {
    if (address.version === 4) {
      const value = address.words[3];
      if (value === 0 || value === 0xffffffff) return 'broadcast';
      if (value >>> 28 === 14) return 'multicast';
    } else if (address.words[0] >>> 24 === 0xff) {
      return 'multicast';
    }
    const route = this.#longest(LOCAL, { destination: address, mark: 0 });
    return route && (link === undefined || route.link === link) ? route.type : 'unicast';
  }

  lookup(key: RoutingKey, ask: Ask): RoutingResult {
    const { version } = key.destination;
    const rules = version === 4 ? this.#namespace.rules.ip : this.#namespace.rules.ip6;
    for (let index = 0; index < rules.length; index += 1) {
      const rule = rules[index]!;
      if (!this.#applies(rule, key, ask)) continue;
      const { action } = rule;
      switch (action.kind) {
        case 'blackhole':
          return { error: 'EINVAL' };
        case 'prohibit':
          return { error: 'EACCES' };
        case 'unreachable':
          return { error: 'ENETUNREACH' };
        case 'goto': {
          const target = rules.findIndex(({ priority }) => priority >= action.priority);
          if (target > index) index = target - 1;
          break;
        }
        case 'nop':
        case 'unknown':
          break;
        case 'lookup': {
          const route = this.#longest(action.table, key);
          if (!route || route.type === 'throw') break;
          if (action.suppressPrefixLength !== undefined && route.to.length <= action.suppressPrefixLength) break;
          if (route.type === 'blackhole') return { error: 'EINVAL' };
          if (route.type === 'prohibit') return { error: 'EACCES' };
          if (route.type === 'unreachable') return { error: 'EHOSTUNREACH' };
          return { route };
        }
      }
    }
    return { error: 'ENETUNREACH' };
  }

  #longest(table: number, key: RoutingKey): Route | undefined {
    for (const { length, routes } of this.#table(key.destination.version, table)) {
      const its = routes.get(maskedKey(key.destination, length));
      const route = its?.find((candidate) => this.#usable(candidate, key));
      if (route) return route;
    }
    return undefined;
  }

  #usable(route: Route, key: RoutingKey): boolean {
    if (key.outLink !== undefined && route.link !== key.outLink) return false;
    // Addresses stay local when their link goes down; ways out do not.
    if (route.type !== 'unicast' || route.link === undefined) return true;
    return this.#namespace.links.get(route.link)?.up ?? true;
  }

  #applies(rule: RoutingRule, key: RoutingKey, ask: Ask): boolean {
    if (rule.action.kind === 'unknown') {
      const text = rule.action.text;
      const missing = `whether the routing rule applies: ${text}`;
      if (!ask({ key: `routing rule ${this.#namespace.name} ${rule.priority}`, missing, rule: text })) return false;
    }
    const within = (range: { from: number; to: number } | undefined, port: number | undefined) =>
      !range || (port !== undefined && port >= range.from && port <= range.to);
    const holds =
      (!rule.from || (key.source !== undefined && containsAddress(rule.from, key.source))) &&
      (!rule.to || containsAddress(rule.to, key.destination)) &&
      (!rule.mark || ((key.mark ^ rule.mark.value) & rule.mark.mask) === 0) &&
      (rule.inLink === undefined || rule.inLink === (key.inLink ?? 'lo')) &&
      (rule.outLink === undefined || rule.outLink === key.outLink) &&
      (rule.protocol === undefined || rule.protocol === key.protocol) &&
      within(rule.sourcePorts, key.sourcePort) &&
      within(rule.destinationPorts, key.destinationPort);
    return holds !== (rule.not ?? false);
  }

  /** The address that packets get which leave through `link` towards `next` and have none. */
  sourceFor(link: string, next: Address | undefined, version: Version): Address | undefined {
    const own = this.#namespace.addresses.filter(
      (its) => its.address.version === version && its.link === link && !(version === 4 && isHostScope(its.address)),
    );
    const near = next && own.find(({ prefix }) => containsAddress(prefix, next));
    if (near ?? own[0]) return (near ?? own[0])!.address;
    return this.#namespace.addresses.find(
      (its) => its.address.version === version && !isHostScope(its.address) && !isLinkScope(its.address),
    )?.address;
  }
}

const isHostScope = ({ version, words }: Address) => version === 4 && words[3] >>> 24 === 127;
const isLinkScope = ({ version, words }: Address) => version === 6 && words[0] >>> 22 === 0x3fa;

const fibs = new WeakMap<LinuxNamespace, Fib>();

export function fibOf(namespace: LinuxNamespace): Fib {
  let fib = fibs.get(namespace);
  if (!fib) fibs.set(namespace, (fib = new Fib(namespace)));
  return fib;
}
