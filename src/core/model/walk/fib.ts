/** The routing decision: rules choose a table, the longest prefix in it wins, then the lowest metric. */
import type { Address, Version, Words } from '../../address/address.ts';
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

interface Table {
  /** Prefix lengths in use, the longest first. */
  readonly lengths: number[];
  readonly byLength: Map<number, Map<string | number, Route[]>>;
}

function maskedKey(words: Words, length: number, bits: number): string | number {
  if (bits === 32) return length === 0 ? 0 : (words[3] & (0xffffffff << (32 - length))) >>> 0;
  let left = length + 128 - bits;
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
  readonly #tables = new Map<string, Table>();
  readonly #namespace: LinuxNamespace;

  constructor(namespace: LinuxNamespace) {
    this.#namespace = namespace;
    for (const route of namespace.routes) this.#add(route);
    for (const table of this.#tables.values()) {
      table.lengths.sort((a, b) => b - a);
      for (const prefixes of table.byLength.values()) {
        for (const routes of prefixes.values()) routes.sort((a, b) => a.metric - b.metric);
      }
    }
  }

  #add(route: Route): void {
    const { version, words } = route.to.address;
    const name = `${version} ${route.table}`;
    let table = this.#tables.get(name);
    if (!table) this.#tables.set(name, (table = { lengths: [], byLength: new Map() }));
    let prefixes = table.byLength.get(route.to.length);
    if (!prefixes) {
      table.byLength.set(route.to.length, (prefixes = new Map()));
      table.lengths.push(route.to.length);
    }
    const key = maskedKey(words, route.to.length, version === 4 ? 32 : 128);
    const routes = prefixes.get(key);
    if (routes) routes.push(route);
    else prefixes.set(key, [route]);
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
    const { version, words } = key.destination;
    const its = this.#tables.get(`${version} ${table}`);
    if (!its) return undefined;
    for (const length of its.lengths) {
      const routes = its.byLength.get(length)!.get(maskedKey(words, length, version === 4 ? 32 : 128));
      const route = routes?.find((candidate) => this.#usable(candidate, key));
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
