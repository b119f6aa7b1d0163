/** The model from kernel objects: what a kernel port observed, or what records call for. */
import { parseAddress } from '../address/address.ts';
import { parseCidr, prefixOf } from '../address/prefix.ts';
import type { NftRuleset, NftTable } from '../firewall/nft/ruleset.ts';
import type { Reason } from '../plan/object.ts';
import { comparePositions } from '../plan/position.ts';
import type {
  AddressObject,
  ChainObject,
  HostObject,
  LinkObject,
  SocketObject,
  NftElementObject,
  Namespace,
  RouteObject,
  RuleObject,
} from '../plan/object.ts';
import type { Link } from './link.ts';
import type { InterfaceAddress, IptablesTable, Linux, LinuxNamespace, Listener, Neighbour, Part } from './linux.ts';
import { RulesetBuilder } from './nft-objects.ts';
import { DEFAULT_RULES, MAIN, type Route, type RoutingRule } from './route.ts';
import { connectedRoutes, localRoutes, loopbackAddresses } from './synthesis.ts';
import { TableBuilder } from './tables.ts';

/** What objects do not tell of a namespace. */
export interface NamespaceFacts {
  /** Links that objects leave out: the machine's own. */
  readonly links?: readonly Link[];
  readonly addresses?: readonly InterfaceAddress[];
  readonly routes?: readonly Route[];
  readonly rules?: readonly RoutingRule[];
  readonly listeners?: readonly Listener[];
  readonly neighbours?: readonly Neighbour[];
  readonly sysctls?: ReadonlyMap<string, string>;
  readonly iptables?: readonly IptablesTable[];
  readonly nftables?: NftRuleset;
  /** Parts that nobody looked at. */
  readonly unknown?: readonly Part[];
}

const ROOT: Namespace = 'host';

/**
 * `host` and every namespace that an object lies in. Rules are the host's; those with a reason keep
 * it. Rules stand by their positions, where several have the same one in the order given.
 */
export function linuxFromObjects(
  objects: readonly (HostObject & Partial<Reason>)[],
  facts: ReadonlyMap<Namespace, NamespaceFacts> = new Map(),
): Linux {
  const drafts = new Map<string, Draft>();
  const draft = (name: string) => {
    let its = drafts.get(name);
    if (!its) drafts.set(name, (its = new Draft(name)));
    return its;
  };
  draft(ROOT);
  const rules: (RuleObject & Partial<Reason>)[] = [];
  const chains: ChainObject[] = [];
  const ruleset = new RulesetBuilder();
  const elements: NftElementObject[] = [];
  for (const object of objects) {
    switch (object.kind) {
      case 'namespace':
        draft(object.id);
        break;
      case 'link':
        addLink(object, draft);
        break;
      case 'address':
        draft(object.namespace).address(object);
        break;
      case 'route':
        draft(object.namespace).route(object);
        break;
      case 'sysctl':
        draft(object.namespace).sysctls.set(object.name, object.value);
        break;
      case 'chain':
        chains.push(object);
        break;
      case 'rule':
        rules.push(object);
        break;
      case 'listener':
        draft(ROOT).listeners.push(...listenerOf(object));
        break;
      case 'nft-table':
      case 'nft-set':
      case 'nft-chain':
        ruleset.add(object);
        break;
      case 'nft-element':
        elements.push(object);
        break;
      case 'resolver':
        break;
    }
  }
  for (const element of elements) ruleset.add(element);
  draft(ROOT).tables.push(...ruleset.build());
  draft(ROOT).iptables.push(...tables(chains, rules));
  for (const [name, its] of facts) draft(name).add(its);
  return { namespaces: new Map([...drafts].map(([name, its]) => [name, its.build()])) };
}

/** Built-in chains are there only if a rule or policy was seen in their table, as in the kernel. */
function tables(chains: readonly ChainObject[], rules: readonly (RuleObject & Partial<Reason>)[]): IptablesTable[] {
  const builders = new Map<string, TableBuilder>();
  const builder = (family: ChainObject['family'], table: ChainObject['table']) => {
    const key = `${family} ${table}`;
    let its = builders.get(key);
    if (!its) builders.set(key, (its = new TableBuilder(family, table, 'nft')));
    return its;
  };
  for (const { family, table, name, policy } of chains) builder(family, table).chain(name, policy);
  for (const { rule, owner, why } of rules.toSorted((a, b) => comparePositions(a.position, b.position))) {
    builder(rule.family, rule.table).rule({ rule, ...(owner && why && { reason: { owner, why } }) });
  }
  return [...builders.values()].map((its) => its.build());
}

/** The listener that a socket of the engine's is; none where it only keeps the port. */
export function listenerOf(object: SocketObject): Listener[] {
  if (object.kind !== 'listener' || !object.forward) return [];
  const { protocol, address, port } = object;
  const parsed = parseAddress(address);
  const isWildcard = parsed?.words.every((word) => word === 0) ?? true;
  const version = parsed?.version ?? 4;
  return [
    { protocol, port, version, ...(parsed && !isWildcard && { address: parsed }), process: 'the userland proxy' },
  ];
}

function addLink(object: LinkObject, draft: (name: string) => Draft): void {
  const { namespace, name, up } = object;
  const mtu = ('mtu' in object ? object.mtu : undefined) ?? (object.type === 'loopback' ? 65536 : 1500);
  const common = { name, up, mtu, ...('mac' in object && object.mac !== undefined && { mac: object.mac }) };
  const { links } = draft(namespace);
  switch (object.type) {
    case 'veth': {
      const { peer, master, hairpin } = object;
      const place = { namespace: peer.namespace, link: peer.name };
      const known = peer.name !== '';
      links.set(name, {
        type: 'veth',
        ...common,
        ...(master !== undefined && { master }),
        ...(hairpin !== undefined && { hairpin }),
        ...(known && { peer: place }),
      });
      if (!known) return;
      const mac = peer.mac === undefined ? {} : { mac: peer.mac };
      draft(peer.namespace).links.set(peer.name, {
        name: peer.name,
        type: 'veth',
        up,
        mtu,
        ...mac,
        peer: { namespace, link: name },
      });
      return;
    }
    case 'macvlan':
    case 'ipvlan':
      links.set(name, {
        type: object.type,
        mode: object.mode,
        ...common,
        ...(object.parent !== '' && { parent: { namespace: ROOT, link: object.parent } }),
      });
      return;
    default:
      links.set(name, {
        type: object.type,
        ...common,
        ...('parent' in object && object.parent !== undefined && { parent: { namespace, link: object.parent } }),
      });
  }
}

class Draft {
  readonly links = new Map<string, Link>();
  readonly sysctls = new Map<string, string>();
  readonly listeners: Listener[] = [];
  readonly iptables: IptablesTable[] = [];
  readonly tables: NftTable[] = [];
  readonly #name: string;
  readonly #addresses: InterfaceAddress[] = [];
  readonly #routes: Route[] = [];
  readonly #unknown = new Set<Part>();
  #rules: readonly RoutingRule[] = DEFAULT_RULES;
  #neighbours: readonly Neighbour[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  address({ link, address, broadcast }: AddressObject): void {
    const cidr = parseCidr(address);
    if (!cidr) return;
    const last = broadcast === undefined ? undefined : parseAddress(broadcast);
    this.#addresses.push({ link, ...cidr, ...(last && { broadcast: last }) });
  }

  route({ family, to, via, link }: RouteObject): void {
    const prefix =
      to === 'default' ? prefixOf(parseAddress(family === 'ip' ? '0.0.0.0' : '::')!, 0) : parseCidr(to)?.prefix;
    if (!prefix) return;
    const gateway = via === undefined ? undefined : parseAddress(via);
    const metric = family === 'ip' ? 0 : 1024;
    this.#routes.push({ table: MAIN, type: 'unicast', to: prefix, link, metric, ...(gateway && { via: gateway }) });
  }

  add(facts: NamespaceFacts): void {
    for (const link of facts.links ?? []) this.links.set(link.name, link);
    this.#addresses.push(...(facts.addresses ?? []));
    this.#routes.push(...(facts.routes ?? []));
    this.#rules = facts.rules ?? this.#rules;
    this.listeners.push(...(facts.listeners ?? []));
    this.#neighbours = facts.neighbours ?? this.#neighbours;
    for (const [name, value] of facts.sysctls ?? []) this.sysctls.set(name, value);
    this.iptables.push(...(facts.iptables ?? []));
    this.tables.push(...(facts.nftables?.tables ?? []));
    for (const part of facts.unknown ?? []) this.#unknown.add(part);
  }

  build(): LinuxNamespace {
    const { links } = this;
    // Objects leave out the machine's own links; what stands on them tells of them.
    for (const { link } of [...this.#addresses, ...this.#routes]) {
      if (link && !links.has(link)) links.set(link, { name: link, type: 'other', up: true, mtu: 1500 });
    }
    const own = new Set(this.#addresses.map(({ address }) => address.words.join('.')));
    const loopback = [...links.values()]
      .flatMap(loopbackAddresses)
      .filter(({ address }) => !own.has(address.words.join('.')));
    const addresses = [...this.#addresses, ...loopback];
    const has = (route: Route) =>
      this.#routes.some(
        (its) =>
          its.table === route.table &&
          its.link === route.link &&
          its.to.length === route.to.length &&
          its.to.address.words.join('.') === route.to.address.words.join('.'),
      );
    const connected = connectedRoutes(addresses, links).filter((route) => !has(route));
    // An observed connected route does not tell its source; the subnet's address is what the kernel takes.
    const routes = [...localRoutes(addresses, links), ...this.#routes, ...connected];
    return {
      name: this.#name,
      links,
      addresses,
      routes,
      rules: { ip: this.#rules, ip6: this.#rules },
      neighbours: this.#neighbours,
      sysctls: this.sysctls,
      listeners: this.listeners,
      flows: [],
      iptables: this.iptables,
      nftables: { tables: this.tables },
      unknown: this.#unknown,
    };
  }
}
