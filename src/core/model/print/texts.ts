/** A model as the tools print it: the inverse of `../texts.ts`. */
import { printAddress } from '../../address/address.ts';
import { printPrefix } from '../../address/prefix.ts';
import { printListing, type ListedTable } from '../../firewall/parse.ts';
import { printRuleset } from '../../firewall/nft/print.ts';
import type { Json, JsonObject, NftRuleset } from '../../firewall/nft/ruleset.ts';
import type { Family, Table } from '../../firewall/rule.ts';
import type { InterfaceAddress, IptablesTable, Linux, LinuxNamespace, Listener } from '../linux.ts';
import { DEFAULT, LOCAL, MAIN, type Route } from '../route.ts';
import type { NamespaceTexts } from '../texts.ts';
import { linkRows, type LinkRow } from './links.ts';

/** What is asked of one namespace for a diagnosis. Flows, neighbours and routing rules are none, or the kernel's own. */
export function printNamespace(linux: Linux, name: string): NamespaceTexts {
  const namespace = linux.namespaces.get(name);
  if (!namespace) return {};
  const rows = linkRows(linux, name);
  const ofVersion = (version: 4 | 6) => namespace.routes.filter(({ to }) => to.address.version === version);
  return {
    links: json(rows.map((row) => linkJson(row, name, [...linux.namespaces.keys()]))),
    addresses: json(rows.map((row) => addressesJson(row, namespace.addresses))),
    routes: json(ofVersion(4).map(routeJson)),
    routes6: json(ofVersion(6).map(routeJson)),
    neighbours: json([]),
    sysctls: [...namespace.sysctls].map(([setting, value]) => `${setting}=${value}\n`).join(''),
    sockets: namespace.listeners.map((listener) => `${socketLine(listener)}\n`).join(''),
    iptables: printTables(namespace, 'ip'),
    ip6tables: printTables(namespace, 'ip6'),
    nft: printRuleset(rulesetJson(namespace.nftables)),
    conntrack: '',
  };
}

const json = (rows: readonly Json[]): string => `${JSON.stringify(rows)}\n`;

function linkJson({ link, index, other, flags, state }: LinkRow, namespace: string, names: readonly string[]): Json {
  const { name, type, mtu, mac, master, mode, hairpin } = link;
  const there =
    other === undefined
      ? {}
      : other.namespace === namespace
        ? { link: other.name }
        : { link_index: other.index, link_netnsid: names.indexOf(other.namespace) };
  const data = mode === undefined ? {} : { mode };
  const port = { info_slave_kind: 'bridge', info_slave_data: { hairpin: hairpin ?? false } };
  return {
    ifindex: index,
    ...there,
    ifname: name,
    flags: [...flags],
    mtu,
    ...(master !== undefined && { master }),
    operstate: state,
    link_type: type === 'loopback' ? 'loopback' : 'ether',
    ...(mac !== undefined && { address: mac }),
    ...(type !== 'loopback' &&
      type !== 'other' && { linkinfo: { info_kind: type, info_data: data, ...(master !== undefined && port) } }),
  };
}

function addressesJson({ link, index }: LinkRow, addresses: readonly InterfaceAddress[]): Json {
  const own = addresses.filter((its) => its.link === link.name);
  return {
    ifindex: index,
    ifname: link.name,
    addr_info: own.map(({ address, prefix, broadcast }) => ({
      family: address.version === 4 ? 'inet' : 'inet6',
      local: printAddress(address),
      prefixlen: prefix.length,
      ...(broadcast && { broadcast: printAddress(broadcast) }),
      scope: link.type === 'loopback' ? 'host' : 'global',
    })),
  };
}

const TABLES: Readonly<Record<number, string>> = { [LOCAL]: 'local', [DEFAULT]: 'default' };

/** `10.0.0.0/8`; an address alone without its length, and `default`. */
export function printDestination({ to }: Route): string {
  if (to.length === 0) return 'default';
  return to.length === (to.address.version === 4 ? 32 : 128) ? printAddress(to.address) : printPrefix(to);
}

function routeJson(route: Route): Json {
  const { table, type, link, via, source, metric } = route;
  return {
    ...(type !== 'unicast' && { type }),
    dst: printDestination(route),
    ...(via && { gateway: printAddress(via) }),
    ...(link !== undefined && { dev: link }),
    ...(table !== MAIN && { table: TABLES[table] ?? table }),
    ...(source && { prefsrc: printAddress(source) }),
    ...(metric > 0 && { metric }),
    flags: [],
  };
}

function socketLine({ protocol, address, version, port, link, process, pid = 0 }: Listener): string {
  const any = version === 'both' ? '*' : version === 4 ? '0.0.0.0' : '[::]';
  const host = address ? (address.version === 6 ? `[${printAddress(address)}]` : printAddress(address)) : any;
  const at = link === undefined ? host : `${host}%${link}`;
  const users = process === undefined ? '' : ` users:(("${process}",pid=${pid},fd=0))`;
  return `${protocol} ${protocol === 'udp' ? 'UNCONN' : 'LISTEN'} 0 0 ${at}:${port} *:*${users}`;
}

/** As `iptables-save -c`, of one table or of all. */
export function printTables({ iptables }: LinuxNamespace, family: Family, only?: Table): string {
  const wanted = iptables.filter((its) => its.family === family && (only === undefined || its.table === only));
  return printListing(wanted.map(listed));
}

const NOTHING = { packets: 0, bytes: 0 };

function listed({ family, table, chains }: IptablesTable): ListedTable {
  const all = [...chains.values()];
  return {
    family,
    table,
    chains: all.map(({ name, policy }) => ({ name, policy, counters: NOTHING })),
    rules: all.flatMap(({ rules }) => rules.map(({ rule }) => ({ rule, counters: undefined }))),
  };
}

/** Object by object, as `nft -j list ruleset` prints them. */
function rulesetJson({ tables }: NftRuleset): JsonObject[] {
  return tables.flatMap(({ family, name, chains, sets }): JsonObject[] => {
    const place = { family, table: name };
    return [
      { table: { family, name } },
      ...[...sets.values()].map(({ name: set, isMap, type = [], map, flags, elements }) => ({
        [isMap ? 'map' : 'set']: {
          ...place,
          name: set,
          type: [...type],
          ...(map && { map: map.join(' . ') }),
          ...(flags.length > 0 && { flags: [...flags] }),
          ...(elements.length > 0 && { elem: [...elements] }),
        },
      })),
      ...[...chains.values()].map(({ name: chain, base }) => ({
        chain: {
          ...place,
          name: chain,
          ...(base && { type: base.type, hook: base.hook, prio: base.priority, policy: base.policy }),
        },
      })),
      ...[...chains.values()].flatMap(({ name: chain, rules }) =>
        rules.map(({ statements, comment }) => ({
          rule: { ...place, chain, ...(comment !== undefined && { comment }), expr: [...statements] },
        })),
      ),
    ];
  });
}
