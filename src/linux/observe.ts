/** What is really there, in the shape of what is asked for. */
import type { Scope } from '../core/engine/kernel.ts';
import type { KernelObject, LinkObject, Namespace, SysctlObject } from '../core/plan/object.ts';
import type { Namespaces } from './namespaces.ts';
import { listAddresses } from './netlink/address.ts';
import { type Link, listLinks, namespaceNumber } from './netlink/link.ts';
import { listRoutes } from './netlink/route.ts';
import { readSysctl } from './sysctl.ts';

/** The settings that decide whether packets are forwarded and filtered. */
const SYSCTLS = ['net/ipv4/ip_forward', 'net/bridge/bridge-nf-call-iptables', 'net/bridge/bridge-nf-call-ip6tables'];
/** The same for each link, for `all` of them, and for those to come (`default`). */
const LINK_SYSCTLS = [
  (link: string) => `net/ipv4/conf/${link}/route_localnet`,
  (link: string) => `net/ipv6/conf/${link}/forwarding`,
  (link: string) => `net/ipv6/conf/${link}/disable_ipv6`,
  (link: string) => `net/ipv6/conf/${link}/accept_ra`,
];

/** The links of one namespace, and how it numbers the others. */
interface View {
  readonly namespace: Namespace;
  readonly links: readonly Link[];
  readonly numberOf: (other: Namespace) => number;
}

/**
 * Looks at the host and at those sandboxes of the scope that exist; of namespaces it tells all that
 * the run directory holds. Hardware links are left out. A veth pair is told once, as the host's
 * end with its peer; a peer outside of the scope has neither namespace nor name.
 */
export function observeObjects(namespaces: Namespaces, scope: Scope): readonly KernelObject[] {
  const wanted = (kind: KernelObject['kind']) => scope.kinds?.includes(kind) ?? true;
  const objects: KernelObject[] = [];
  if (wanted('namespace')) objects.push(...namespaces.list().map((id) => ({ kind: 'namespace', id }) as const));
  if (!(['link', 'address', 'route', 'sysctl'] as const).some(wanted)) return objects;

  const views = ['host', ...scope.sandboxes]
    .filter((namespace) => namespaces.has(namespace))
    .map((namespace): View => {
      const socket = namespaces.route(namespace);
      const numbers = new Map<Namespace, number>();
      const numberOf = (other: Namespace) => {
        let number = numbers.get(other);
        if (number === undefined) {
          number = namespaces.withDescriptor(other, (descriptor) => namespaceNumber(socket, descriptor));
          numbers.set(other, number);
        }
        return number;
      };
      return { namespace, links: listLinks(socket), numberOf };
    });
  for (const { namespace, links } of views) {
    const socket = namespaces.route(namespace);
    const names = new Map(links.map(({ index, name }) => [index, name]));
    if (wanted('address')) {
      for (const { link, address, broadcast, nodad } of listAddresses(socket)) {
        const optional = { ...(broadcast === undefined ? {} : { broadcast }), ...(nodad ? { nodad } : {}) };
        objects.push({ kind: 'address', namespace, link: names.get(link) ?? '', address, ...optional });
      }
    }
    if (wanted('route')) {
      for (const { family, to, via, link } of [...listRoutes(socket, 'ip'), ...listRoutes(socket, 'ip6')]) {
        const optional = via === undefined ? {} : { via };
        objects.push({ kind: 'route', namespace, family, to, ...optional, link: names.get(link) ?? '' });
      }
    }
    if (wanted('sysctl')) objects.push(...namespaces.inside(namespace, () => sysctls(namespace, links)));
  }
  if (wanted('link'))
    objects.push(...views.flatMap((view) => view.links.flatMap((link) => linkObject(link, view, views))));
  return objects;
}

function sysctls(namespace: Namespace, links: readonly Link[]): SysctlObject[] {
  const owners = ['all', 'default', ...links.map(({ name }) => name)];
  const names = [...SYSCTLS, ...owners.flatMap((owner) => LINK_SYSCTLS.map((sysctl) => sysctl(owner)))];
  return names.flatMap((name) => {
    const value = readSysctl(name);
    return value === undefined ? [] : [{ kind: 'sysctl', namespace, name, value }];
  });
}

interface Placed {
  readonly view: View;
  readonly link: Link;
}

/** The link that `link` names as its peer or parent. */
function other({ link, view }: Placed, views: readonly View[]): Placed | undefined {
  const there =
    link.linkNamespace === undefined
      ? view
      : views.find((candidate) => candidate !== view && view.numberOf(candidate.namespace) === link.linkNamespace);
  const found = there?.links.find(({ index }) => index === link.link);
  return there && found && { view: there, link: found };
}

function linkObject(link: Link, view: View, views: readonly View[]): LinkObject[] {
  const { namespace } = view;
  const { name, mac, mtu, up } = link;
  if (link.loopback) return [{ kind: 'link', type: 'loopback', namespace, name, up }];
  switch (link.kind) {
    case 'bridge':
      return [{ kind: 'link', type: 'bridge', namespace, name, mac, mtu, up }];
    case 'dummy':
      return [{ kind: 'link', type: 'dummy', namespace, name, up }];
    case 'vlan': {
      const parent = other({ link, view }, views)?.link.name ?? '';
      return [{ kind: 'link', type: 'vlan', namespace, name, parent, vlan: link.id, up }];
    }
    case 'macvlan':
    case 'ipvlan': {
      const parent = other({ link, view }, views)?.link.name ?? '';
      return [{ kind: 'link', type: link.kind, namespace, name, parent, mode: link.mode, mac, mtu, up }];
    }
    case 'veth': {
      const peer = other({ link, view }, views);
      if (peer && !stays({ link, view }, peer, views)) return [];
      const master = view.links.find(({ index }) => index === link.master)?.name;
      return [
        {
          kind: 'link',
          type: 'veth',
          namespace,
          name,
          mtu,
          ...(master === undefined ? {} : { master, hairpin: link.hairpin }),
          up,
          peer: peer
            ? { namespace: peer.view.namespace, name: peer.link.name, mac: peer.link.mac }
            : { namespace: '', name: '' },
        },
      ];
    }
    default:
      return [];
  }
}

/** Which end of a pair stands for it: the one in the namespace looked at first; within one, the one that was made last. */
function stays(end: Placed, peer: Placed, views: readonly View[]): boolean {
  if (end.view === peer.view) return end.link.index > peer.link.index;
  return views.indexOf(end.view) < views.indexOf(peer.view);
}
