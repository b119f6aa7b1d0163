/** Which links hear each other: cables, bridges, and what stands on a link. */
import type { Address } from '../../address/address.ts';
import { equalAddresses } from '../../address/address.ts';
import type { Link, LinkPlace } from '../link.ts';
import type { Linux, LinuxNamespace } from '../linux.ts';

/** What a frame that is sent out of a link can reach. */
export interface Segment {
  readonly links: readonly LinkPlace[];
  /** It goes on to where the model does not reach. */
  readonly beyond: boolean;
}

const id = ({ namespace, link }: LinkPlace) => `${namespace}\0${link}`;

type Places = ReadonlyMap<string, readonly LinkPlace[]>;

export class Topology {
  readonly #linux: Linux;
  /** By namespace, then by bridge: most namespaces are never come to. */
  readonly #ports = new Map<string, Places>();
  #children: Places | undefined;
  readonly #segments = new Map<string, Segment>();

  constructor(linux: Linux) {
    this.#linux = linux;
  }

  link(place: LinkPlace): Link | undefined {
    return this.#linux.namespaces.get(place.namespace)?.links.get(place.link);
  }

  ports({ namespace, link }: LinkPlace): readonly LinkPlace[] {
    let its = this.#ports.get(namespace);
    if (!its) this.#ports.set(namespace, (its = portsOf(this.#linux.namespaces.get(namespace))));
    return its.get(link) ?? [];
  }

  children(parent: LinkPlace): readonly LinkPlace[] {
    return (this.#children ??= childrenOf(this.#linux)).get(id(parent)) ?? [];
  }

  /** What a frame reaches that goes out of `place`, itself left out. */
  segment(place: LinkPlace): Segment {
    const known = this.#segments.get(id(place));
    if (known) return known;
    const links: LinkPlace[] = [];
    const seen = new Set<string>([id(place)]);
    const beyond = this.#leave(place, links, seen);
    const segment = { links, beyond };
    this.#segments.set(id(place), segment);
    return segment;
  }

  /** The frame goes out of `place`; says whether it may leave the model. */
  #leave(place: LinkPlace, links: LinkPlace[], seen: Set<string>): boolean {
    const link = this.link(place);
    if (!link?.up) return false;
    switch (link.type) {
      case 'bridge': {
        let beyond = false;
        for (const port of this.ports(place)) if (this.#leave(port, links, seen)) beyond = true;
        return beyond;
      }
      case 'veth':
        return link.peer ? this.#arrive(link.peer, links, seen) : true;
      case 'macvlan':
      case 'ipvlan': {
        if (!link.parent) return true;
        for (const child of this.children(link.parent)) this.#arrive(child, links, seen);
        return this.#leave(link.parent, links, seen);
      }
      case 'vlan':
      case 'other':
        return true;
      case 'loopback':
      case 'dummy':
        return false;
    }
  }

  /** The frame comes in by `place`; says whether it may leave the model. */
  #arrive(place: LinkPlace, links: LinkPlace[], seen: Set<string>): boolean {
    if (seen.has(id(place))) return false;
    seen.add(id(place));
    const link = this.link(place);
    if (!link) return true;
    if (!link.up) return false;
    if (link.master === undefined) {
      links.push(place);
      for (const child of this.children(place)) this.#arrive(child, links, seen);
      return false;
    }
    const bridge = { namespace: place.namespace, link: link.master };
    if (seen.has(id(bridge))) return false;
    seen.add(id(bridge));
    links.push(bridge);
    let beyond = false;
    for (const port of this.ports(bridge)) {
      if (seen.has(id(port))) continue;
      // Isolated ports do not even hear each other ask who has an address.
      if (link.isolated && this.link(port)?.isolated) continue;
      seen.add(id(port));
      if (this.#leave(port, links, seen)) beyond = true;
    }
    return beyond;
  }

  /** Who answers for `address` on the segment of `place`. */
  owner(place: LinkPlace, address: Address): LinkPlace | undefined {
    return this.segment(place).links.find((other) => {
      const namespace = this.#linux.namespaces.get(other.namespace);
      return namespace !== undefined && has(namespace, address);
    });
  }
}

/** A namespace answers on every link for each of its addresses (arp_ignore 0). */
function has(namespace: LinuxNamespace, address: Address): boolean {
  return namespace.addresses.some(
    (own) => equalAddresses(own.address, address) && namespace.links.get(own.link)?.type !== 'loopback',
  );
}

/** The ports of a namespace's bridges, by their names. */
function portsOf(namespace: LinuxNamespace | undefined): Places {
  const ports = new Map<string, LinkPlace[]>();
  for (const { name, master } of namespace?.links.values() ?? []) {
    if (master !== undefined) push(ports, master, { namespace: namespace!.name, link: name });
  }
  return ports;
}

/** What stands on a link may be in any namespace. */
function childrenOf({ namespaces }: Linux): Places {
  const children = new Map<string, LinkPlace[]>();
  for (const namespace of namespaces.values()) {
    for (const { name, parent } of namespace.links.values()) {
      if (parent) push(children, id(parent), { namespace: namespace.name, link: name });
    }
  }
  return children;
}

function push(map: Map<string, LinkPlace[]>, key: string, place: LinkPlace): void {
  const places = map.get(key);
  if (places) places.push(place);
  else map.set(key, [place]);
}

const topologies = new WeakMap<Linux, Topology>();

export function topologyOf(linux: Linux): Topology {
  let topology = topologies.get(linux);
  if (!topology) topologies.set(linux, (topology = new Topology(linux)));
  return topology;
}
