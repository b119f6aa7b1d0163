/** The containers that one is linked to on the default bridge. */
import type { HostConfig } from '../container/config.ts';
import { type ContainerRecord, isAlive } from '../container/container.ts';
import { linkEnvironment, linkedPorts, parseLink, type Linked } from '../container/links.ts';
import { hostAddress } from '../address/prefix.ts';
import { EngineError } from '../network/error.ts';
import { findContainer } from './lookup.ts';
import type { Draft, Records } from './records.ts';

/** The names that a container has for those that it is linked to. */
export const linkAliases = (container: ContainerRecord): readonly string[] =>
  linksOf(container).map((text) => parseLink(text).alias);

/** Those that have a place there, which they have while they run; in the order of the links. */
export function linkedContainers(
  records: Records,
  container: ContainerRecord,
): readonly (Linked & { readonly container: ContainerRecord })[] {
  return linksOf(container).flatMap((text) => {
    const { target, alias } = parseLink(text);
    const other = findContainer(records, target);
    const place = records.endpoint
      .where('container', other.id)
      .find(({ networkId }) => records.network.get(networkId)?.name === 'bridge');
    if (!place?.ipv4) return [];
    const { config, hostConfig } = other;
    return [{ container: other, alias, address: hostAddress(place.ipv4), config, bindings: hostConfig.PortBindings }];
  });
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

/** @throws EngineError for the first link whose other end does not run */
export function refuseDeadLinks(records: Records, container: ContainerRecord): void {
  const alive = new Set(linkedContainers(records, container).map((linked) => linked.container.id));
  for (const text of linksOf(container)) {
    const { target, alias } = parseLink(text);
    const other = findContainer(records, target);
    if (alive.has(other.id)) continue;
    throw new EngineError(
      'internal',
      `Cannot link to a non running container: /${other.name} AS /${container.name}/${alias}`,
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

/** On user-defined networks, links are names that the name server knows. */
function linksOf({ hostConfig }: ContainerRecord): readonly string[] {
  return ['default', 'bridge'].includes(hostConfig.NetworkMode) ? (hostConfig.Links ?? []) : [];
}
