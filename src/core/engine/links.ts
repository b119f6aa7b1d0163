/** The containers that one is linked to on the default bridge. */
import type { HostConfig } from '../container/config.ts';
import { type ContainerRecord, isAlive } from '../container/container.ts';
import { linkEnvironment, linkedPorts, linksOf, parseLink, type Link, type Linked } from '../container/links.ts';
import { hostAddress } from '../address/prefix.ts';
import { EngineError } from '../network/error.ts';
import { findContainer } from './lookup.ts';
import type { Draft, Records } from './records.ts';

/** The names that a container has for those that it is linked to. */
export const linkAliases = (container: ContainerRecord): readonly string[] =>
  effectiveLinks(container).map(({ alias }) => alias);

/** Those that have a place there, which they have while they run; in the order of the links. */
export function linkedContainers(
  records: Records,
  container: ContainerRecord,
): readonly (Linked & { readonly container: ContainerRecord })[] {
  return effectiveLinks(container).flatMap(({ target, alias }) => {
    const other = findContainer(records, target, 'optional');
    const place = records.endpoint
      .where('container', other?.id ?? '')
      .find(({ networkId }) => records.network.get(networkId)?.name === 'bridge');
    if (!other || !place?.ipv4) return [];
    const { config, hostConfig } = other;
    return [{ container: other, alias, address: hostAddress(place.ipv4), config, bindings: hostConfig.PortBindings }];
  });
}

/** The names that containers have as others' links, by their ids: `web/store` for what web is linked to as store. */
export function linkNames(records: Pick<Records, 'container'>): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const container of records.container.values()) {
    for (const { target, alias } of linksOf(container.hostConfig).map(parseLink)) {
      const linked = findContainer(records, target, 'optional');
      if (linked) names.set(linked.id, [...(names.get(linked.id) ?? []), `${container.name}/${alias}`]);
    }
  }
  return names;
}

/** @throws EngineError invalid for the first link to a container that is not there */
export function refuseUnknownLinks(records: Pick<Records, 'container'>, { Links }: HostConfig): void {
  for (const { target } of (Links ?? []).map(parseLink)) {
    try {
      findContainer(records, target);
    } catch (cause) {
      throw new EngineError('invalid', `could not get container for ${target}: ${(cause as Error).message}`, { cause });
    }
  }
}

/** @throws EngineError for the first link whose other end is not on the default bridge */
export function refuseForeignLinks(records: Records, container: ContainerRecord): void {
  for (const { target } of effectiveLinks(container)) {
    const other = findContainer(records, target, 'optional');
    if (!other || other.networks['bridge']) continue;
    throw new EngineError('internal', `Cannot link to /${other.name}, as it does not belong to the default network`);
  }
}

/** @throws EngineError for the first link whose other end does not run */
export function refuseDeadLinks(records: Records, container: ContainerRecord): void {
  const alive = new Set(linkedContainers(records, container).map((linked) => linked.container.id));
  for (const { target, alias } of effectiveLinks(container)) {
    const other = findContainer(records, target, 'optional');
    if (other && alive.has(other.id)) continue;
    throw new EngineError(
      'internal',
      `Cannot link to a non running container: /${other?.name ?? target} AS /${container.name}/${alias}`,
    );
  }
}

/** The running containers that are linked to one. */
export function linkingContainers(records: Records, { id }: ContainerRecord): readonly ContainerRecord[] {
  return [...records.container.values()].filter(
    (other) => isAlive(other) && linkedContainers(records, other).some(({ container }) => container.id === id),
  );
}

/** The container as it is to be started: it finds the linked ones in its environment. */
export function withLinkVariables(records: Records, container: ContainerRecord): ContainerRecord {
  const variables = linkedContainers(records, container).flatMap((linked) => linkEnvironment(container.name, linked));
  if (variables.length === 0) return container;
  const { config } = container;
  return { ...container, config: { ...config, Env: [...variables, ...(config.Env ?? [])] } };
}

/** Notes, where the default bridge keeps its containers apart, which ports of others they may call through links. */
export function settleLinks(draft: Draft, nextSequence: () => number): void {
  const network = draft.network.where('name', 'bridge')[0];
  if (!network?.bridge || network.bridge.icc) return;
  for (const endpoint of draft.endpoint.where('network', network.id)) {
    const container = draft.container.get(endpoint.containerId);
    if (!container) continue;
    const linkedTo = linkedContainers(draft, container).map((linked) => ({
      address: linked.address,
      ports: linkedPorts(linked),
    }));
    if (JSON.stringify(linkedTo) === JSON.stringify(endpoint.linkedTo ?? [])) continue;
    draft.endpoint.put({ ...endpoint, linkedTo, linkSequence: nextSequence() });
  }
}

/** Links are of use on the default bridge alone. */
function effectiveLinks({ hostConfig, networks }: ContainerRecord): readonly Link[] {
  return networks['bridge'] ? linksOf(hostConfig).map(parseLink) : [];
}
