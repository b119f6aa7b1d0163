/** Places on networks, on a draft of the records: made, removed, and the choice of the way out. */
import type { ContainerRecord, NetworkPlace } from '../container/container.ts';
import type { Version } from '../address/address.ts';
import { macFromIpv4 } from '../address/mac.ts';
import { hostAddress } from '../address/prefix.ts';
import { EngineError } from '../network/error.ts';
import type { EndpointRecord, EndpointSettings, SandboxRecord } from '../network/endpoint.ts';
import type { NetworkRecord } from '../network/network.ts';
import { isLayer3 } from '../network/parent.ts';
import { parseEndpointOptions } from '../network/endpoint-options.ts';
import { isPredefined } from '../network/predefined.ts';
import { requestedPorts } from '../network/port.ts';
import { checkEndpointSettings } from '../network/settings.ts';
import type { Clock } from './clock.ts';
import type { Allocator } from './allocator.ts';
import { findNetwork } from './lookup.ts';
import type { Draft, Records } from './records.ts';

/** A container's namespace, and its places on the networks that its record names. */
export function openSandbox(
  draft: Draft,
  container: ContainerRecord,
  allocator: Allocator,
  clock: Clock,
): SandboxRecord | undefined {
  const mode = container.hostConfig.NetworkMode;
  if (mode.startsWith('container:')) return undefined;
  const sandbox: SandboxRecord = {
    id: clock.hex(32),
    containerId: container.id,
    host: mode === 'host',
    interfaces: {},
  };
  draft.sandbox.put(sandbox);
  // Docker joins the default bridge first.
  const { bridge, ...others } = container.networks;
  for (const [name, settings] of Object.entries(bridge ? { bridge, ...others } : others)) {
    // Without a default bridge, its containers have loopback only.
    const ref = networkRef(name, settings);
    const network = name === 'bridge' ? findNetwork(draft, ref, 'optional') : findNetwork(draft, ref);
    if (!network) continue;
    // Its place was noted when there was no such network.
    if (sandbox.host && network.driver !== 'host') {
      throw new EngineError(
        'invalid',
        'container sharing network namespace with another container or host cannot be connected to any other network',
      );
    }
    putEndpoint(draft, container, sandbox.id, network, settings, allocator, clock);
  }
  settleLinkNames(draft, sandbox.id);
  return sandbox;
}

/** The networks that a container has a place on, or will have when it starts, as far as they are there. */
export function networksOf(records: Pick<Records, 'network'>, { networks }: ContainerRecord): readonly NetworkRecord[] {
  return Object.entries(networks).flatMap(([name, place]) => {
    return findNetwork(records, networkRef(name, place), 'optional') ?? [];
  });
}

/** Who was on a network belongs to that one, and not to another of its name. */
function networkRef(name: string, { joined, networkId }: NetworkPlace): string {
  return joined && !isPredefined(name) ? networkId : name;
}

/** Takes a container's namespace and all its places away; gives the places that it had. */
export function closeSandbox(draft: Draft, containerId: string): readonly EndpointRecord[] {
  const endpoints = draft.endpoint.where('container', containerId);
  for (const endpoint of endpoints) draft.endpoint.delete(endpoint.id);
  for (const sandbox of draft.sandbox.where('container', containerId)) draft.sandbox.delete(sandbox.id);
  return endpoints;
}

/** Gives a sandbox one more place. */
export function addEndpoint(
  draft: Draft,
  container: ContainerRecord,
  sandboxId: string,
  network: NetworkRecord,
  asked: EndpointSettings,
  allocator: Allocator,
  clock: Clock,
): EndpointRecord {
  const id = putEndpoint(draft, container, sandboxId, network, asked, allocator, clock);
  settleLinkNames(draft, sandboxId);
  return draft.endpoint.get(id)!;
}

/**
 * Makes a place whose link has no name yet, unless its user chose one; the ports are published as soon as it
 * leads out. Gives its id.
 */
function putEndpoint(
  draft: Draft,
  container: ContainerRecord,
  sandboxId: string,
  network: NetworkRecord,
  asked: EndpointSettings,
  allocator: Allocator,
  clock: Clock,
): string {
  if (network.configOnly) throw configurationOnly();
  const settings = checkEndpointSettings(network, asked);
  const addresses = allocator.addresses(draft, network, container, settings);
  const hasLink = network.driver !== 'host' && network.driver !== 'null';
  const askedMac = settings.mac || (isMain(container, network) && container.config.MacAddress) || '';
  const { interfaceName } = parseEndpointOptions(settings.driverOptions ?? {});
  const endpoint: EndpointRecord = {
    id: clock.hex(32),
    networkId: network.id,
    containerId: container.id,
    sandboxId,
    interfaceName: hasLink ? untaken(draft, sandboxId, interfaceName) : '',
    hostInterface: network.driver === 'bridge' ? allocator.hostInterface() : '',
    mac: network.driver === 'ipvlan' ? '' : askedMac || (hasLink ? macFor(addresses.ipv4, clock) : ''),
    ...addresses,
    linkLocalAddresses: (settings.linkLocalAddresses ?? []).map(withLinkLocalLength),
    isGateway4: false,
    isGateway6: false,
    aliases: settings.aliases ?? [],
    links: settings.links ?? [],
    driverOptions: settings.driverOptions ?? {},
    bindings: [],
    bindingSequence: 0,
  };
  draft.endpoint.put(endpoint);
  putPlace(draft, draft.container.get(container.id)!, network, settings, { joined: true });
  settleGateway(draft, container, sandboxId, allocator);
  return endpoint.id;
}

/** Notes a container's place on a network, with the names that it has there. */
export function putPlace(
  draft: Draft,
  container: ContainerRecord,
  network: NetworkRecord,
  settings: EndpointSettings,
  more: Pick<NetworkPlace, 'joined'> = {},
): ContainerRecord {
  const names = isPredefined(network.name) ? {} : { names: namesOf(container, settings) };
  const place = { ...settings, networkId: network.id, ...names, ...more };
  const record = { ...container, networks: { ...container.networks, [network.name]: place } };
  draft.container.put(record);
  return record;
}

/** What was asked for, and what every container has: a hostname that is its name is told already. */
function namesOf({ id, name, config }: ContainerRecord, { aliases = [] }: EndpointSettings): readonly string[] {
  const always = [id.slice(0, 12), ...(config.Hostname && config.Hostname !== name ? [config.Hostname] : [])];
  return [...aliases, ...new Set(always.filter((its) => !aliases.includes(its)))];
}

/**
 * Chooses, for each family, the endpoint that the default route goes through: the first that leads out.
 * The published ports are bound on the IPv4 one (the IPv6 one if there is none), and move with it.
 */
export function settleGateway(draft: Draft, container: ContainerRecord, sandboxId: string, allocator: Allocator): void {
  const candidates = inOrder(draft, sandboxId).filter(({ network }) => !network.internal);
  const way4 = candidates.find(leadsOut(4))?.endpoint.id;
  const way6 = candidates.find(leadsOut(6))?.endpoint.id;
  const publisher = way4 ?? way6;
  const endpoints = draft.endpoint.where('sandbox', sandboxId);
  // Those that lose ports first, so that the new holder may have the same.
  for (const endpoint of endpoints) {
    const next = { ...endpoint, isGateway4: endpoint.id === way4, isGateway6: endpoint.id === way6 };
    draft.endpoint.put(endpoint.id === publisher ? next : { ...next, bindings: [], bindingSequence: 0 });
  }
  const holder = publisher && draft.endpoint.get(publisher);
  if (!holder || holder.bindings.length > 0) return;
  const { config, hostConfig } = container;
  const requested = requestedPorts(
    config.ExposedPorts ?? {},
    hostConfig.PortBindings ?? {},
    hostConfig.PublishAllPorts,
  );
  if (requested.length === 0) return;
  const network = draft.network.get(holder.networkId)!;
  // Only a bridge has a host on its other side that could publish ports.
  if (!network.bridge) return;
  draft.endpoint.put({ ...holder, ...allocator.bindings(draft, container, holder, network, requested) });
}

/**
 * The places of a sandbox: the highest gateway priority first, internal networks last, then those that lead
 * out in both families, then by network name.
 */
function inOrder(draft: Draft, sandboxId: string): readonly Candidate[] {
  return draft.endpoint
    .where('sandbox', sandboxId)
    .map((endpoint) => ({ endpoint, network: draft.network.get(endpoint.networkId)! }))
    .sort(
      (a, b) =>
        priority(draft, b) - priority(draft, a) ||
        Number(a.network.internal) - Number(b.network.internal) ||
        families(b) - families(a) ||
        (a.network.name < b.network.name ? -1 : 1),
    );
}

interface Candidate {
  readonly endpoint: EndpointRecord;
  readonly network: NetworkRecord;
}

/** Over a gateway, or over ipvlan in layer 3, where the link itself routes. */
const leadsOut =
  (version: Version) =>
  ({ endpoint, network }: Candidate): boolean => {
    const [address, gateway] = version === 4 ? [endpoint.ipv4, endpoint.gateway4] : [endpoint.ipv6, endpoint.gateway6];
    return gateway !== '' || (address !== '' && isLayer3(network));
  };

const families = (candidate: Candidate): number => ([4, 6] as const).filter((its) => leadsOut(its)(candidate)).length;

function priority(draft: Draft, { endpoint, network }: Candidate): number {
  return draft.container.get(endpoint.containerId)?.networks[network.name]?.gatewayPriority ?? 0;
}

/** The name that a link is asked to bear. */
function untaken(draft: Draft, sandboxId: string, name: string): string {
  const isTaken = draft.endpoint.where('sandbox', sandboxId).some(({ interfaceName }) => interfaceName === name);
  if (!name || !isTaken) return name;
  throw new EngineError('conflict', `the container has a network interface ${name} already`);
}

/**
 * Names the links that have no name yet, in the order in which they lead out. Names are not given twice in
 * a sandbox's life: what was told of `eth1` stays true.
 */
function settleLinkNames(draft: Draft, sandboxId: string): void {
  const taken = new Set(draft.endpoint.where('sandbox', sandboxId).map(({ interfaceName }) => interfaceName));
  for (const { endpoint, network } of inOrder(draft, sandboxId)) {
    if (endpoint.interfaceName || network.driver === 'host' || network.driver === 'null') continue;
    const prefix = network.bridge?.interfacePrefix || 'eth';
    const sandbox = draft.sandbox.get(sandboxId)!;
    let count = sandbox.interfaces[prefix] ?? 0;
    while (taken.has(`${prefix}${count}`)) count += 1;
    draft.sandbox.put({ ...sandbox, interfaces: { ...sandbox.interfaces, [prefix]: count + 1 } });
    draft.endpoint.put({ ...endpoint, interfaceName: `${prefix}${count}` });
  }
}

/** Link-local addresses stand alone, on the link that they are of. */
const withLinkLocalLength = (address: string): string => `${address}/${address.includes(':') ? 64 : 16}`;

export const configurationOnly = (): EngineError =>
  new EngineError('forbidden', 'cannot create endpoint on configuration-only network');

/** Whether it is the network that the container was made for: its MAC address is of that one alone. */
function isMain({ hostConfig }: ContainerRecord, { id, name }: NetworkRecord): boolean {
  const mode = hostConfig.NetworkMode === 'default' ? 'bridge' : hostConfig.NetworkMode;
  return mode === name || mode === id;
}

function macFor(ipv4: string, clock: Clock): string {
  if (ipv4) return macFromIpv4(hostAddress(ipv4));
  return `02:42:${clock.hex(4).match(/../g)!.join(':')}`;
}

export function endpointsOf(
  records: Records,
  containerId: string,
): { endpoint: EndpointRecord; network: NetworkRecord }[] {
  return records.endpoint.where('container', containerId).flatMap((endpoint) => {
    const network = records.network.get(endpoint.networkId);
    return network ? [{ endpoint, network }] : [];
  });
}
