/** A packet leaves by a link: to whom, and over which cables and bridges. */
import { isMulticast, type Address } from '../../address/address.ts';
import { equalAddresses } from '../../address/address.ts';
import type { LinkPlace } from '../link.ts';
import { sendError } from './answer.ts';
import { bridgeIn } from './bridge.ts';
import { stopsDiscovery } from './discovery.ts';
import { receive } from './input.ts';
import type { Skb, Space } from './machine.ts';
import { newSkb, type Run } from './run.ts';
import type { End } from './step.ts';

/** The link that a frame is for; `beyond`: a host that the model does not have. */
export type Receiver = LinkPlace | 'beyond';

/** Looks for the next hop and sends. `forwarded`: the sender is another host, and is told of a failure by ICMP. */
export function sendOut(run: Run, space: Space, outLink: string, skb: Skb, next: Address, forwarded: boolean): End {
  const from = { namespace: space.namespace.name, link: outLink };
  const receiver = neighbour(run, space, outLink, next);
  const stop =
    receiver && receiver !== 'beyond' && next.version === 6 && !isMulticast(next) && !isKnown(space, outLink, next)
      ? stopsDiscovery(run, from, receiver, next)
      : undefined;
  if (receiver && !stop) return transmit(run, from, skb, receiver);
  if (forwarded)
    sendError(run, space, skb, skb.packet.source.version === 4 ? { type: 3, code: 1 } : { type: 1, code: 3 });
  return run.end(
    space,
    skb,
    {
      kind: forwarded ? 'dropped' : 'failed',
      link: outLink,
      dropReason: 'NEIGH_FAILED',
      ...(!forwarded && { errno: 'EHOSTUNREACH' }),
      text: stop
        ? `who has the address that it is sent to is not found on ${outLink}: neighbour discovery fails, as ${stop.text}`
        : `nobody on ${outLink} has the address that it is sent to`,
      ...(stop?.rule && { rule: stop.rule }),
    },
    'neighbour',
  );
}

const DEAD = new Set(['FAILED', 'INCOMPLETE']);

const knownNeighbour = ({ namespace }: Space, link: string, next: Address) =>
  namespace.neighbours.find(
    (its) => its.link === link && equalAddresses(its.address, next) && !DEAD.has(its.state) && its.mac !== '',
  );

const isKnown = (...of: Parameters<typeof knownNeighbour>) => knownNeighbour(...of) !== undefined;

/** Who takes what is sent to `next` on a link; undefined: nobody. */
export function neighbour(run: Run, space: Space, link: string, next: Address): Receiver | undefined {
  const place = { namespace: space.namespace.name, link };
  const { links, beyond } = run.topology.segment(place);
  const known = knownNeighbour(space, link, next);
  if (known) {
    const its = links.find((other) => run.topology.link(other)?.mac === known.mac);
    if (its) return its;
  }
  const owner = run.topology.owner(place, next);
  if (owner) return owner;
  if (known || beyond || isMulticast(next)) return 'beyond';
  return undefined;
}

/** A frame goes out of a link. */
export function transmit(run: Run, from: LinkPlace, skb: Skb, to: Receiver): End {
  const space = run.space(from.namespace);
  const link = run.topology.link(from);
  if (!run.hop()) {
    return run.end(space, skb, {
      kind: 'dropped',
      link: from.link,
      dropReason: 'UNKNOWN',
      text: 'it goes round in circles',
    });
  }
  const gone = (text: string): End => run.end(space, skb, { kind: 'left', link: from.link, text }, 'link');
  if (!link) return gone(`it leaves by ${from.link}, of which nothing more is known`);
  skb.sender ??= from;
  switch (link.type) {
    case 'bridge': {
      const port = run.topology.ports(from).find((its) => reaches(run, its, to));
      if (!port) return lost(run, space, skb, from.link);
      tellBridge(run, space, skb, from.link, `out of the port ${port.link}`);
      return transmit(run, port, skb, to);
    }
    case 'veth':
      if (!link.peer) return gone(`it leaves by ${from.link} to where the model does not reach`);
      return arrive(run, link.peer, cross(skb, link.peer.namespace === from.namespace), to);
    case 'macvlan':
    case 'ipvlan':
      if (!link.parent) return gone(`it leaves by the parent of ${from.link}`);
      if (to !== 'beyond' && run.topology.children(link.parent).some((its) => same(its, to))) {
        return arrive(run, to, cross(skb, false), to);
      }
      return transmit(run, link.parent, skb, to);
    case 'dummy':
      return run.end(space, skb, {
        kind: 'dropped',
        link: from.link,
        dropReason: 'UNKNOWN',
        text: `${from.link} is a dummy: it has no other end`,
      });
    case 'loopback':
    case 'vlan':
    case 'other':
      return gone(`it leaves the host by ${from.link}`);
  }
}

export function tellBridge(run: Run, space: Space, skb: Skb, bridge: string, decision: string): void {
  const { packet } = skb;
  run.tell({ kind: 'bridge', namespace: space.namespace.name, link: bridge, decision, before: packet, after: packet });
}

export function lost(run: Run, space: Space, skb: Skb, link: string): End {
  return run.end(space, skb, {
    kind: 'dropped',
    link,
    dropReason: 'OTHERHOST',
    text: `no port of ${link} leads to its receiver`,
  });
}

export const same = (a: LinkPlace, b: LinkPlace): boolean => a.namespace === b.namespace && a.link === b.link;

/** Whether what goes out of `port` comes to `to`. */
export function reaches(run: Run, port: LinkPlace, to: Receiver): boolean {
  const segment = run.topology.segment(port);
  return to === 'beyond' ? segment.beyond : segment.links.some((its) => same(its, to));
}

/** On a cable a packet loses what its namespace noted on it. */
function cross(skb: Skb, sameNamespace: boolean): Skb {
  const { packet, sender } = skb;
  return { ...newSkb(sameNamespace ? packet : { ...packet, mark: 0 }), sender };
}

function arrive(run: Run, at: LinkPlace, skb: Skb, to: Receiver): End {
  const space = run.space(at.namespace);
  const link = run.topology.link(at);
  if (!link?.up) {
    return run.end(space, skb, { kind: 'dropped', link: at.link, dropReason: 'DEV_READY', text: `${at.link} is down` });
  }
  if (link.type === 'veth' && skb.packet.size > link.mtu + 4) {
    const text = `its ${skb.packet.size} bytes do not fit the ${link.mtu} of ${at.link}, by which it would come in`;
    return run.end(space, skb, { kind: 'dropped', link: at.link, dropReason: 'UNKNOWN', text });
  }
  if (link.master !== undefined) return bridgeIn(run, at, link.master, skb, to);
  run.tell({
    kind: 'link',
    namespace: at.namespace,
    link: at.link,
    decision: `in by ${at.link}`,
    before: skb.packet,
    after: skb.packet,
  });
  if (to !== 'beyond' && same(to, at)) return receive(run, space, at.link, skb, false);
  const child = to !== 'beyond' && run.topology.children(at).find((its) => same(its, to));
  if (child) return receive(run, run.space(child.namespace), child.link, skb, false);
  return run.end(space, skb, {
    kind: 'dropped',
    link: at.link,
    dropReason: 'OTHERHOST',
    text: 'the frame is for somebody else',
  });
}
