/** What `ip -j` prints. Throws an Error that says what was expected where the text is no such list. */
import { parseAddress, type Version } from '../address/address.ts';
import { parseCidr, prefixOf, type Prefix } from '../address/prefix.ts';
import type { Link, LinkType } from './link.ts';
import type { InterfaceAddress, Neighbour } from './linux.ts';
import { DEFAULT, LOCAL, MAIN, type Route, type RouteType, type RoutingAction, type RoutingRule } from './route.ts';
import { protocolNumber } from './walk/packet.ts';

type Json = Readonly<Record<string, unknown>>;

function list(text: string): Json[] {
  if (text.trim() === '') return [];
  const json: unknown = JSON.parse(text);
  if (!Array.isArray(json)) throw new TypeError('expected a list, as `ip -j` prints it');
  // ip prints empty objects for what it left out.
  return json.filter((its): its is Json => typeof its === 'object' && its !== null && Object.keys(its).length > 0);
}

const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const numeric = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

/** A link with what tells which link of another namespace it is plugged into. */
export interface ReadLink {
  readonly link: Link;
  readonly index: number;
  readonly otherIndex: number | undefined;
  /** The other link's namespace, by its number here; undefined: this namespace. */
  readonly otherNamespace: number | undefined;
  readonly otherName: string | undefined;
}

const TYPES = new Set<string>(['bridge', 'veth', 'macvlan', 'ipvlan', 'vlan', 'dummy'] satisfies LinkType[]);

/** `ip -j -d link` */
export function readLinks(text: string): ReadLink[] {
  return list(text).map((its) => {
    const info = object(its['linkinfo']);
    const kind = string(info['info_kind']);
    const data = object(info['info_data']);
    const slave = object(info['info_slave_data']);
    const flags = Array.isArray(its['flags']) ? its['flags'].map(String) : [];
    const type = (kind && TYPES.has(kind) ? kind : its['link_type'] === 'loopback' ? 'loopback' : 'other') as LinkType;
    const mac = string(its['address']);
    const master = string(its['master']);
    const mode = string(data['mode']);
    const link: Link = {
      name: string(its['ifname']) ?? '',
      type,
      up: flags.includes('UP'),
      mtu: numeric(its['mtu']) ?? 1500,
      ...(mac !== undefined && { mac }),
      ...(master !== undefined && { master }),
      ...(mode !== undefined && { mode }),
      ...(slave['hairpin'] !== undefined && { hairpin: slave['hairpin'] === true }),
      ...(slave['isolated'] !== undefined && { isolated: slave['isolated'] === true }),
      ...(isSet(data['nf_call_iptables']) && { callsIptables: true }),
    };
    return {
      link,
      index: numeric(its['ifindex']) ?? 0,
      otherIndex: numeric(its['link_index']),
      otherNamespace: numeric(its['link_netnsid']),
      otherName: string(its['link']),
    };
  });
}

const isSet = (value: unknown) => value === 1 || value === true;

/** Finds for each veth its other end, and for each child its parent: ends name each other by their numbers. */
export function cables(all: ReadonlyMap<string, readonly ReadLink[]>): Map<string, ReadonlyMap<string, Link>> {
  const placed = new Map<string, ReadonlyMap<string, Link>>();
  for (const [name, links] of all) {
    const its = links.map((own): [string, Link] => {
      const other = otherEnd(name, own, all);
      if (!other) return [own.link.name, own.link];
      const role = own.link.type === 'veth' ? 'peer' : 'parent';
      return [own.link.name, Object.assign({}, own.link, { [role]: other })];
    });
    placed.set(name, new Map(its));
  }
  return placed;
}

function otherEnd(name: string, own: ReadLink, all: ReadonlyMap<string, readonly ReadLink[]>) {
  if (own.link.type === 'veth' && own.otherName !== undefined) return { namespace: name, link: own.otherName };
  if (own.otherNamespace === undefined) {
    return own.otherName === undefined ? undefined : { namespace: name, link: own.otherName };
  }
  const isVeth = own.link.type === 'veth';
  for (const [namespace, links] of all) {
    if (namespace === name) continue;
    const other = links.find(
      ({ index, otherIndex, link }) =>
        index === own.otherIndex &&
        (isVeth ? otherIndex === own.index && link.type === 'veth' : link.type !== 'loopback'),
    );
    if (other) return { namespace, link: other.link.name };
  }
  return undefined;
}

/** `ip -j addr` */
export function readAddresses(text: string): InterfaceAddress[] {
  return list(text).flatMap((its) =>
    (Array.isArray(its['addr_info']) ? its['addr_info'] : []).map(object).flatMap((info): InterfaceAddress[] => {
      const link = string(its['ifname']);
      const address = parseAddress(string(info['local']) ?? '');
      const length = numeric(info['prefixlen']);
      if (link === undefined || !address || length === undefined) return [];
      const broadcast = parseAddress(string(info['broadcast']) ?? '');
      return [{ link, address, prefix: prefixOf(address, length), ...(broadcast && { broadcast }) }];
    }),
  );
}

const TABLES: Readonly<Record<string, number>> = { local: LOCAL, main: MAIN, default: DEFAULT, unspec: 0 };
const ROUTE_TYPES = new Set<string>([
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
] satisfies RouteType[]);

function tableNumber(value: unknown): number {
  if (value === undefined) return MAIN;
  const text = typeof value === 'number' ? `${value}` : (string(value) ?? '');
  return TABLES[text] ?? (/^\d+$/.test(text) ? Number(text) : 0);
}

function prefix(value: unknown, version: Version): Prefix | undefined {
  const text = string(value) ?? 'default';
  if (text === 'default' || text === 'all') return prefixOf(parseAddress(version === 4 ? '0.0.0.0' : '::')!, 0);
  return parseCidr(text.includes('/') ? text : `${text}/${version === 4 ? 32 : 128}`)?.prefix;
}

/** `ip -j -4 route show table all`, and the same for 6 */
export function readRoutes(text: string, version: Version): Route[] {
  return list(text).flatMap((its): Route[] => {
    const to = prefix(its['dst'], version);
    const type = string(its['type']) ?? 'unicast';
    const hops = Array.isArray(its['nexthops']) ? its['nexthops'].map(object) : [];
    const hop = hops[0] ?? its;
    const link = string(hop['dev']);
    if (!to || !ROUTE_TYPES.has(type)) return [];
    const via = parseAddress(string(hop['gateway']) ?? string(object(hop['via'])['host']) ?? '');
    const source = parseAddress(string(its['prefsrc']) ?? '');
    return [
      {
        table: tableNumber(its['table']),
        type: type as RouteType,
        to,
        metric: numeric(its['metric']) ?? 0,
        ...(link !== undefined && { link }),
        ...(via && { via }),
        ...(source && { source }),
        ...(hops.length > 1 && { multipath: true }),
      },
    ];
  });
}

const KNOWN = new Set([
  'priority',
  'src',
  'srclen',
  'dst',
  'dstlen',
  'fwmark',
  'fwmask',
  'iif',
  'oif',
  'table',
  'suppress_prefixlen',
  'not',
  'ipproto',
  'sport',
  'dport',
  'sport_start',
  'sport_end',
  'dport_start',
  'dport_end',
  'action',
  'goto',
  'protocol',
  'iif_detached',
  'oif_detached',
  'unresolved',
]);

/** `ip -j rule`, or `ip -j -6 rule` */
export function readRules(text: string): RoutingRule[] {
  return list(text).map((its) => {
    const strange = Object.keys(its).filter((key) => !KNOWN.has(key));
    const from = selector(its['src'], its['srclen']);
    const to = selector(its['dst'], its['dstlen']);
    const value = its['fwmark'] === undefined ? undefined : Number(its['fwmark']);
    const inLink = string(its['iif']);
    const outLink = string(its['oif']);
    const protocol = protocolNumber(string(its['ipproto']) ?? '');
    const sourcePorts = portRange(its, 'sport');
    const destinationPorts = portRange(its, 'dport');
    return {
      priority: numeric(its['priority']) ?? 0,
      ...('not' in its && { not: true as const }),
      ...(from && { from }),
      ...(to && { to }),
      ...(value !== undefined && {
        mark: { value, mask: its['fwmask'] === undefined ? 0xffffffff : Number(its['fwmask']) },
      }),
      ...(inLink !== undefined && { inLink }),
      ...(outLink !== undefined && { outLink }),
      ...(protocol !== undefined && { protocol }),
      ...(sourcePorts && { sourcePorts }),
      ...(destinationPorts && { destinationPorts }),
      action: strange.length > 0 ? { kind: 'unknown', text: JSON.stringify(its) } : action(its),
    };
  });
}

function selector(host: unknown, length: unknown): Prefix | undefined {
  const text = string(host);
  if (text === undefined || text === 'all') return undefined;
  const address = parseAddress(text);
  return address && prefixOf(address, numeric(length) ?? (address.version === 4 ? 32 : 128));
}

function portRange(its: Json, name: string) {
  const from = numeric(its[name]) ?? numeric(its[`${name}_start`]);
  if (from === undefined) return undefined;
  return { from, to: numeric(its[`${name}_end`]) ?? from };
}

function action(its: Json): RoutingAction {
  const kind = string(its['action']);
  if (kind === 'blackhole' || kind === 'unreachable' || kind === 'prohibit' || kind === 'nop') return { kind };
  const target = numeric(its['goto']);
  if (target !== undefined) return { kind: 'goto', priority: target };
  const suppress = numeric(its['suppress_prefixlen']);
  return {
    kind: 'lookup',
    table: tableNumber(its['table']),
    ...(suppress !== undefined && { suppressPrefixLength: suppress }),
  };
}

/** `ip -j neigh` */
export function readNeighbours(text: string): Neighbour[] {
  return list(text).flatMap((its): Neighbour[] => {
    const address = parseAddress(string(its['dst']) ?? '');
    const link = string(its['dev']);
    const state = Array.isArray(its['state']) ? String(its['state'][0]) : '';
    return address && link !== undefined ? [{ link, address, mac: string(its['lladdr']) ?? '', state }] : [];
  });
}
