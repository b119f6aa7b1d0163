/** The objects that the records call for: all of them, or those of the records that a draft changes. */
import { endpointObjects, engineObjects, networkObjects, sandboxObjects } from '../drivers/drivers.ts';
import { isFirewall, type Place } from '../firewall/layout.ts';
import type { EndpointRecord, SandboxRecord } from '../network/endpoint.ts';
import { difference } from '../plan/difference.ts';
import { key } from '../plan/key.ts';
import type { Desired, KernelObject } from '../plan/object.ts';
import type { Draft, Records } from './records.ts';
import type { EngineSettings } from './settings.ts';
import type { Planner } from './transaction.ts';

type FirewallSettings = Pick<EngineSettings, 'firewall'>;

/** Everything that the records call for. */
export function desiredObjects(records: Records, { firewall }: FirewallSettings): Desired[] {
  return [
    ...engineObjects(firewall),
    ...[...records.network.values()].flatMap((network) => networkObjects(network, firewall)),
    ...[...records.sandbox.values()].flatMap((sandbox) => objectsOfSandbox(records, sandbox)),
    ...[...records.endpoint.values()].flatMap((endpoint) => objectsOfEndpoint(records, endpoint, { firewall })),
  ];
}

/**
 * What the other back end holds for the records, if it is there: the engine was started with another
 * one before. Docker's own rules have the same chains, so these are ours only where one of the rules
 * of our networks stands beside them.
 */
export function supersededObjects(
  records: Records,
  settings: FirewallSettings,
  observed: readonly KernelObject[],
): Desired[] {
  const backend = settings.firewall.backend === 'iptables' ? 'nftables' : 'iptables';
  const firewall = { ...settings.firewall, backend } as const;
  const there = new Set(observed.filter((object) => isFirewall(object)).map((object) => key(object)));
  const objects = desiredObjects(records, { firewall }).filter((object) => isFirewall(object));
  const isOurs = objects.some(
    (object) => (object.kind === 'nft-table' || object.owner.kind !== 'engine') && there.has(key(object)),
  );
  return isOurs ? objects : [];
}

/**
 * The steps from the records to a draft of them, from the changed records alone. A sandbox's objects
 * depend on its endpoints; the engine's own rules stand on both sides because those that lead a chain
 * must follow what is inserted before them.
 */
export function planner(settings: FirewallSettings): Planner {
  const rules = engineObjects(settings.firewall).filter(({ kind }) => kind === 'rule');
  const objects = (records: Records, touched: Touched): Desired[] => [
    ...rules,
    ...rows(records.network, touched.networks).flatMap((network) => networkObjects(network, settings.firewall)),
    ...rows(records.sandbox, touched.sandboxes).flatMap((sandbox) => objectsOfSandbox(records, sandbox)),
    ...rows(records.endpoint, touched.endpoints).flatMap((endpoint) => objectsOfEndpoint(records, endpoint, settings)),
  ];
  return (before, after) => {
    const touched = touchedBy(before, after);
    if (touched.networks.size + touched.sandboxes.size + touched.endpoints.size === 0) return [];
    return difference(objects(before, touched), objects(after, touched));
  };
}

interface Touched {
  readonly networks: ReadonlySet<string>;
  readonly sandboxes: ReadonlySet<string>;
  readonly endpoints: ReadonlySet<string>;
}

function touchedBy(before: Records, after: Draft): Touched {
  const endpoints = new Set(after.endpoint.changed.keys());
  const sandboxes = new Set(after.sandbox.changed.keys());
  for (const id of endpoints) {
    const endpoint = after.endpoint.get(id) ?? before.endpoint.get(id);
    if (endpoint) sandboxes.add(endpoint.sandboxId);
  }
  return { networks: new Set(after.network.changed.keys()), sandboxes, endpoints };
}

function rows<T>(table: { get(id: string): T | undefined }, ids: ReadonlySet<string>): T[] {
  return [...ids].flatMap((id) => table.get(id) ?? []);
}

function objectsOfSandbox(records: Records, sandbox: SandboxRecord): Desired[] {
  const places = records.endpoint.where('sandbox', sandbox.id).flatMap((endpoint) => place(records, endpoint) ?? []);
  return sandboxObjects(sandbox, nameOf(records, sandbox.containerId), places);
}

function objectsOfEndpoint(records: Records, endpoint: EndpointRecord, { firewall }: FirewallSettings): Desired[] {
  const its = place(records, endpoint);
  return its ? endpointObjects(its, firewall) : [];
}

function place(records: Records, endpoint: EndpointRecord): Place | undefined {
  const network = records.network.get(endpoint.networkId);
  return network && { endpoint, network, containerName: nameOf(records, endpoint.containerId) };
}

const nameOf = (records: Records, containerId: string): string =>
  records.container.get(containerId)?.name ?? containerId;
