/** Gives out what must not be given twice: subnets, addresses, host ports. The records say what is taken. */
import type { ContainerRecord } from '../container/container.ts';
import { assignAddress, claimAddress, containerGateway } from '../ipam/assign.ts';
import { uniqueLocalSource, type PoolSource } from '../ipam/sources.ts';
import { gatewayMode } from '../firewall/mode.ts';
import { allocateBindings, type PortRange } from '../network/bindings.ts';
import type { EndpointRecord, EndpointSettings } from '../network/endpoint.ts';
import { DEFAULT_BRIDGE_NAME, generatedBridgeName } from '../network/bridge.ts';
import type { NetworkRecord } from '../network/network.ts';
import { isLayer3 } from '../network/parent.ts';
import type { RequestedPort } from '../network/port.ts';
import { resolveNetwork, type NetworkContext } from '../network/resolve.ts';
import type { AddressObject, RouteObject } from '../plan/object.ts';
import type { Context } from './context.ts';
import type { NetworkRequest } from './engine.ts';
import { parseResolvConf } from './etc.ts';
import type { Draft, Given, Records } from './records.ts';

/** What the host says that no record does. */
interface HostFacts {
  readonly routes: readonly RouteObject[];
  readonly servers: readonly string[];
  readonly links: readonly string[];
  readonly bridges: readonly string[];
  readonly addresses: readonly AddressObject[];
  readonly ephemeral: PortRange;
}

/** So many names of links that are mostly gone that it is time to begin anew. */
const MANY_LINKS = 20_000;

export class Allocator {
  readonly #context: Context;
  #facts: HostFacts = {
    routes: [],
    servers: [],
    links: [],
    bridges: [],
    addresses: [],
    ephemeral: { from: 49_153, to: 65_535 },
  };
  #sources: readonly PoolSource[] = [];
  /** Whether the host may have other routes, links or addresses than the facts say. */
  #isStale = true;
  /** Links that are or were ours since the facts were read: what becomes of them is no news. */
  #ownLinks = new Set<string>();
  #watch: { close(): void } | undefined;

  constructor(context: Context) {
    this.#context = context;
    const { ledger } = context;
    const sequences = [
      ...[...ledger.network.values()].map(({ sequence }) => sequence),
      ...[...ledger.endpoint.values()].map(({ bindingSequence }) => bindingSequence),
    ];
    this.#give({ sequence: sequences.reduce((highest, sequence) => Math.max(highest, sequence), 0) });
  }

  /** Begins to listen for changes of the host, so that its facts need not be read each time. */
  watch(): void {
    this.#watch = this.#context.kernel.watch('host', ({ links }) => {
      this.#isStale ||= links.some((link) => !this.#ownLinks.has(link));
    });
  }

  close(): void {
    this.#watch?.close();
  }

  /** Reads the host's facts that subnets of new networks depend on, as far as they may have changed. */
  async refreshPools(): Promise<void> {
    const { kernel, host, settings } = this.#context;
    const [, conf] = await Promise.all([kernel.heard(), host.resolvConf()]);
    if (this.#isStale || this.#ownLinks.size > MANY_LINKS) await this.#readHost();
    this.#facts = { ...this.#facts, servers: parseResolvConf(conf).servers };
    if (this.#sources.length === 0)
      this.#sources = [...settings.addressPools, uniqueLocalSource(await host.uniqueLocalDigits())];
  }

  async #readHost(): Promise<void> {
    const { kernel, host, ledger } = this.#context;
    this.#isStale = this.#watch === undefined;
    this.#ownLinks = new Set([...ledger.network.values()].flatMap(madeLink));
    for (const { hostInterface } of ledger.endpoint.values()) this.#ownLinks.add(hostInterface);
    const objects = await kernel.observe({ sandboxes: [], kinds: ['route', 'link', 'address'] });
    // Where our own lead is known from the records, which change without these being read again.
    const routes = objects
      .filter((object) => object.kind === 'route')
      .filter(({ to, link }) => to !== 'default' && !this.#ownLinks.has(link));
    const addresses = objects.filter((object) => object.kind === 'address');
    const bridges = objects.flatMap((object) =>
      object.kind === 'link' && object.type === 'bridge' ? [object.name] : [],
    );
    this.#facts = { ...this.#facts, routes, links: await host.linkNames(), bridges, addresses };
  }

  /** A name for the host's end of a new endpoint's pair. */
  hostInterface(): string {
    const name = `veth${this.#context.clock.hex(4).slice(0, 7)}`;
    this.#ownLinks.add(name);
    return name;
  }

  /** The addresses, with prefix length, of a bridge of the host; undefined if there is no such bridge. */
  addressesOfBridge(name: string): readonly string[] | undefined {
    const { bridges, addresses } = this.#facts;
    return bridges.includes(name)
      ? addresses.flatMap(({ link, address }) => (link === name ? [address] : []))
      : undefined;
  }

  /** Reads the host's range of ephemeral ports, which matters to who publishes some. */
  async refreshPorts({ hostConfig }: ContainerRecord): Promise<void> {
    if (!hostConfig.PublishAllPorts && Object.keys(hostConfig.PortBindings ?? {}).length === 0) return;
    this.#facts = { ...this.#facts, ephemeral: await this.#context.host.ephemeralPorts() };
  }

  /** The record of a network that is asked for. */
  network(draft: Draft, request: NetworkRequest, options: Pick<NetworkContext, 'predefined'> = {}): NetworkRecord {
    const { clock, settings } = this.#context;
    const { routes, servers } = this.#facts;
    // What the default bridge had from an earlier engine is in its own way.
    const own = options.predefined ? DEFAULT_BRIDGE_NAME : '';
    const network = resolveNetwork(request, {
      ...options,
      id: clock.hex(32),
      created: clock.now(),
      sequence: this.nextSequence(),
      random: clock.hex(4),
      networks: [...draft.network.values()],
      named: (name) => draft.network.where('name', name),
      onBridge: (name) => draft.network.where('bridge', name),
      sources: this.#sources,
      cursor: this.#context.ledger.given.pools,
      moveCursor: (pools) => this.#give({ pools }),
      avoid: [...routes.filter(({ link }) => link !== own).map(({ to }) => to), ...servers],
      addressesOfBridge: (name) => this.addressesOfBridge(name),
      hostLinks: this.#facts.links,
      defaultOptions: settings.networkOptions,
    });
    for (const link of madeLink(network)) this.#ownLinks.add(link);
    return network;
  }

  /** The addresses of a new place on a network, with prefix length; empty where it has no such pool. */
  addresses(
    records: Records,
    network: NetworkRecord,
    container: ContainerRecord,
    settings: EndpointSettings,
  ): Pick<EndpointRecord, 'ipv4' | 'ipv6' | 'gateway4' | 'gateway6'> {
    const held = [...addressesInUse(records, network)];
    // A stopped container's address is left to it, unless somebody asks for just that one: docker-compose
    // starts a container's successor beside it.
    const spared = [...held, ...addressesAskedFor(records, network, container)];
    const choose = (version: 4 | 6, wish: string | undefined): string =>
      wish ? claimAddress(network, wish, held) : assignAddress(network, version, spared);
    const ipv4 = choose(4, settings.ipv4Address);
    const ipv6 = choose(6, settings.ipv6Address);
    const gateway = (address: string) => (isLayer3(network) ? '' : containerGateway(network, address));
    return { ipv4, ipv6, gateway4: gateway(ipv4), gateway6: gateway(ipv6) };
  }

  /** Host ports for an endpoint, in the order in which they are bound. */
  bindings(
    records: Records,
    container: ContainerRecord,
    endpoint: EndpointRecord,
    network: NetworkRecord,
    requested: readonly RequestedPort[],
  ): Pick<EndpointRecord, 'bindings' | 'bindingSequence'> {
    const inUse = [...records.endpoint.values()]
      .filter(({ id }) => id !== endpoint.id)
      .flatMap((other) => other.bindings);
    const { bridge } = network;
    const routed = ([4, 6] as const).filter(
      (version) => bridge && gatewayMode(bridge, version === 4 ? 'ip' : 'ip6') === 'routed',
    );
    // The proxy leads from the host's IPv6 to a container that has none, unless nothing of the host leads there.
    const isProxied = this.#context.settings.firewall.userlandProxy && !routed.includes(4);
    const { bindings, cursor } = allocateBindings(requested, {
      endpoint: { id: endpoint.id, containerName: container.name },
      inUse,
      ephemeral: this.#facts.ephemeral,
      cursor: this.#context.ledger.given.ports,
      hostBinding: bridge?.hostBinding ?? '',
      ipv4: endpoint.ipv4 !== '',
      ipv6: endpoint.ipv6 !== '' || (endpoint.ipv4 !== '' && isProxied),
      routed,
    });
    this.#give({ ports: cursor });
    return { bindings, bindingSequence: this.nextSequence() };
  }

  /** Higher than all that were given before: what bears it stands in front, or at the end. */
  nextSequence(): number {
    const sequence = this.#context.ledger.given.sequence + 1;
    this.#give({ sequence });
    return sequence;
  }

  #give(given: Partial<Given>): void {
    const { ledger } = this.#context;
    ledger.given = { ...ledger.given, ...given };
  }
}

/** The link that a network has of its own, under a name that nobody else gives. */
function madeLink({ id, bridge }: NetworkRecord): readonly string[] {
  return bridge && bridge.name === generatedBridgeName(id) ? [bridge.name] : [];
}

/** Addresses of the network's members. */
function* addressesInUse(records: Records, network: NetworkRecord): Iterable<string> {
  for (const { ipv4, ipv6 } of records.endpoint.where('network', network.id)) {
    if (ipv4) yield ipv4;
    if (ipv6) yield ipv6;
  }
}

/** Addresses that other containers, whether they run or not, ask for by name. */
function* addressesAskedFor(records: Records, network: NetworkRecord, but: ContainerRecord): Iterable<string> {
  for (const { id, networks } of records.container.values()) {
    const place = networks[network.name];
    if (id === but.id || place?.networkId !== network.id) continue;
    if (place.ipv4Address) yield place.ipv4Address;
    if (place.ipv6Address) yield place.ipv6Address;
  }
}
