/** What there is, as far as the next request depends on it. */
import type { ObservedContainer, ObservedNetwork, Observation } from './observe.ts';

export const PREDEFINED: ReadonlySet<string> = new Set(['bridge', 'host', 'none']);

export interface KnownNetwork {
  readonly name: string;
  /** What stands for its id: `n1`. */
  readonly key: string;
  /** The subnets that its user chose. */
  readonly subnet: string | undefined;
  readonly subnet6: string | undefined;
  readonly gateways: readonly string[];
  readonly isInternal: boolean;
  /** Whether it is only a template for others. */
  readonly isConfiguration: boolean;
  /** Whether its containers' ports are published on one address of the host. */
  readonly hasHostBinding: boolean;
  /** Whether it has no address for another member. */
  readonly isFull: boolean;
}

export interface KnownContainer {
  readonly name: string;
  readonly key: string;
  readonly isRunning: boolean;
  /** The networks that it is on, or will be. */
  readonly networks: readonly string[];
  /** The addresses that were asked for. */
  readonly wishes: readonly string[];
  /** Whether some of its ports may be any of a range of the host's. */
  readonly wantsRange: boolean;
  /** Whether it has ports that are published as soon as a network leads out. */
  readonly wouldPublish: boolean;
  /** Whether it joins its networks in an order that is always the same. */
  readonly startsInOrder: boolean;
  /** Whether it is in the host's namespace. */
  readonly isInHost: boolean;
  /** Whether it is there and not on the network `host`. */
  readonly hasLeftHost: boolean;
  /** The names of the containers that it is linked to. */
  readonly links: readonly string[];
  /** Whether it is in another container's namespace. */
  readonly isGuest: boolean;
}

export class World {
  /** Without the predefined ones. */
  readonly networks: readonly KnownNetwork[];
  readonly containers: readonly KnownContainer[];

  constructor({ networks = {}, containers = {} }: Observation) {
    this.networks = Object.entries(networks)
      .filter(([, { Name }]) => !PREDEFINED.has(Name))
      .map(([id, network]) => knownNetwork(keyOf(id), network));
    this.containers = Object.entries(containers).map(([id, container]) =>
      knownContainer(keyOf(id), container, Object.values(networks)),
    );
  }

  /** @param ref a name, or `{key}` */
  network(ref: string): KnownNetwork | undefined {
    return this.networks.find(isMeant(ref));
  }

  container(ref: string): KnownContainer | undefined {
    return this.containers.find(isMeant(ref));
  }

  isUsed(network: string): boolean {
    return this.containers.some(({ networks }) => networks.includes(network));
  }
}

/** `<n1>` -> `n1` */
const keyOf = (id: string): string => id.slice(1, -1);

const isMeant =
  (ref: string) =>
  ({ name, key }: { readonly name: string; readonly key: string }): boolean =>
    [name, `{${key}}`, `{${key}:12}`].includes(ref);

function knownNetwork(
  key: string,
  { Name, IPAM, Internal, ConfigOnly, Options, Containers }: ObservedNetwork,
): KnownNetwork {
  const subnets = IPAM.Config.map(({ Subnet }) => Subnet);
  return {
    name: Name,
    key,
    subnet: subnets.find((subnet) => subnet.startsWith('10.')),
    subnet6: subnets.find((subnet) => subnet.includes(':')),
    gateways: IPAM.Config.flatMap(({ Gateway }) => Gateway ?? []),
    isInternal: Internal,
    isConfiguration: ConfigOnly,
    hasHostBinding: 'com.docker.network.bridge.host_binding_ipv4' in Options,
    isFull: subnets.some((its) => its.endsWith('/30')) && Object.keys(Containers).length > 0,
  };
}

function knownContainer(
  key: string,
  { Name, State, HostConfig, NetworkSettings }: ObservedContainer,
  there: readonly ObservedNetwork[],
): KnownContainer {
  const networks = Object.keys(NetworkSettings.Networks);
  const bindings = Object.values(HostConfig.PortBindings ?? {}).flat();
  const publishes = HostConfig.PublishAllPorts || bindings.length > 0;
  return {
    name: Name.slice(1),
    key,
    isRunning: State.Running,
    networks,
    wishes: Object.values(NetworkSettings.Networks).flatMap(({ IPAMConfig }) => Object.values(IPAMConfig ?? {})),
    wouldPublish: publishes && Object.keys(NetworkSettings.Ports).length === 0,
    wantsRange: bindings.some(({ HostPort }) => HostPort.includes('-')),
    // dockerd joins the default bridge first, and the others as a map gives them: of missing ones it tells the
    // first that it comes to, and ports go from one to the next.
    startsInOrder:
      networks.filter((name) => name !== 'bridge').length < 2 ||
      (!publishes && networks.every((name) => there.some(({ Name }) => Name === name))),
    links: (HostConfig.Links ?? []).map((link) => link.split(':')[0]!.slice(1)),
    isInHost: HostConfig.NetworkMode === 'host',
    isGuest: HostConfig.NetworkMode.startsWith('container:'),
    hasLeftHost: HostConfig.NetworkMode === 'host' && !networks.includes('host'),
  };
}
