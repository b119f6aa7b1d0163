/** The picture of a host's networks, as a value: the printers draw it. */
import { printAddress } from '../../address/address.ts';
import { MAIN } from '../../model/route.ts';
import type { Facts } from '../doctor/facts.ts';

export interface Graph {
  readonly uplinks: readonly GraphUplink[];
  readonly networks: readonly GraphNetwork[];
  readonly containers: readonly GraphContainer[];
  /** Containers that share the host's own network. */
  readonly onHost: readonly string[];
  /** Containers with nothing but loopback. */
  readonly isolated: readonly string[];
}

export interface GraphUplink {
  readonly link: string;
  readonly addresses: readonly string[];
  /** The router; absent for links that only reach their own subnet. */
  readonly via?: string;
}

export interface GraphNetwork {
  readonly name: string;
  readonly bridge: string;
  /** With their prefix lengths. */
  readonly subnets: readonly string[];
  /** The bridge's own addresses. */
  readonly gateways: readonly string[];
  /** Nothing of it reaches the uplink. */
  readonly internal: boolean;
}

export interface GraphContainer {
  readonly name: string;
  readonly places: readonly GraphPlace[];
}

export interface GraphPlace {
  readonly network: string;
  readonly address: string;
  /** `0.0.0.0:8080/tcp` -> `80` */
  readonly ports: readonly { readonly host: string; readonly container: string }[];
}

export function graphOf({ host, networks, containers, engine }: Facts): Graph {
  const addressesOf = (link: string): string[] =>
    host.addresses
      .filter((its) => its.link === link && !printAddress(its.address).startsWith('fe80:'))
      .map(({ address, prefix }) => `${printAddress(address)}/${prefix.length}`);
  const ways = host.routes.filter(
    ({ table, type, to, link }) => table === MAIN && type === 'unicast' && to.length === 0 && link !== undefined,
  );
  const links = [...new Set(ways.map(({ link }) => link!))];
  const places = new Map<string, GraphPlace[]>();
  for (const { name, network, address, bindings } of containers) {
    const ports = bindings.map(({ hostAddress, hostPort, containerPort, protocol }) => ({
      host: `${hostAddress.includes(':') ? `[${hostAddress}]` : hostAddress}:${hostPort}/${protocol}`,
      container: String(containerPort),
    }));
    places.set(name, [...(places.get(name) ?? []), { network, address, ports }]);
  }
  const running = (engine?.containers ?? []).filter(({ status }) => status === 'running' || status === 'paused');
  const apart = (mode: string): string[] =>
    running.filter(({ name, networkMode }) => networkMode === mode && !places.has(name)).map(({ name }) => name);
  return {
    uplinks: links.map((link) => {
      const via = ways.find((way) => way.link === link)?.via;
      return { link, addresses: addressesOf(link), ...(via && { via: printAddress(via) }) };
    }),
    networks: networks.map(({ name, bridge, subnets, internal }) => ({
      name,
      bridge,
      subnets,
      internal,
      gateways: addressesOf(bridge),
    })),
    containers: [...places].map(([name, its]) => ({ name, places: its })),
    onHost: apart('host'),
    isolated: apart('none'),
  };
}

/** The containers on a network, each with its place there. */
export function membersOf(
  { containers }: Graph,
  network: string,
): readonly { readonly name: string; readonly place: GraphPlace }[] {
  return containers.flatMap(({ name, places }) => {
    const place = places.find((its) => its.network === network);
    return place ? [{ name, place }] : [];
  });
}
