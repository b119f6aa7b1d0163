/** The links of a model as `ip` numbers and describes them. */
import type { Link, LinkPlace } from '../link.ts';
import type { Linux } from '../linux.ts';

/** A link with what only stands between links. */
export interface LinkRow {
  readonly link: Link;
  readonly index: number;
  /** The number, here or there, of the link that it is plugged into or stands on. */
  readonly other?: { readonly index: number; readonly name: string; readonly namespace: string };
  readonly flags: readonly string[];
  readonly state: 'UP' | 'DOWN' | 'UNKNOWN';
}

/** Counted from 1, loopback first, in the order of their making. */
export function linkRows(linux: Linux, namespace: string): readonly LinkRow[] {
  const numbers = new Map<string, ReadonlyMap<string, number>>();
  const numberOf = ({ namespace: there, link }: LinkPlace): number | undefined => {
    let its = numbers.get(there);
    if (!its) numbers.set(there, (its = new Map(ordered(linux, there).map(({ name }, index) => [name, index + 1]))));
    return its.get(link);
  };
  return ordered(linux, namespace).map((link, index): LinkRow => {
    const other = link.peer ?? link.parent;
    const number = other && numberOf(other);
    const carrier = hasCarrier(linux, namespace, link);
    const isLoopback = link.type === 'loopback';
    return {
      link,
      index: index + 1,
      ...(other && number !== undefined && { other: { index: number, name: other.link, namespace: other.namespace } }),
      flags: [
        ...(link.up && !carrier ? ['NO-CARRIER'] : []),
        ...(isLoopback ? ['LOOPBACK'] : ['BROADCAST', 'MULTICAST']),
        ...(link.up ? ['UP'] : []),
        ...(link.up && carrier ? ['LOWER_UP'] : []),
      ],
      state: isLoopback && link.up ? 'UNKNOWN' : link.up && carrier ? 'UP' : 'DOWN',
    };
  });
}

function ordered({ namespaces }: Linux, namespace: string): Link[] {
  const links = [...(namespaces.get(namespace)?.links.values() ?? [])];
  const isLoopback = ({ type }: Link): number => (type === 'loopback' ? 0 : 1);
  return links.sort((a, b) => isLoopback(a) - isLoopback(b));
}

/** Carrier: a bridge has it when a port is up, an end of a cable when the other end is up. */
function hasCarrier({ namespaces }: Linux, namespace: string, { type, name, peer }: Link): boolean {
  const links = namespaces.get(namespace)!.links;
  if (type === 'veth') return peer !== undefined && namespaces.get(peer.namespace)?.links.get(peer.link)?.up === true;
  if (type !== 'bridge') return true;
  return [...links.values()].some(({ master, up }) => master === name && up);
}
