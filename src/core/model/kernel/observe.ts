/** What is there, in the shape of what is asked for. */
import type { Scope } from '../../engine/kernel.ts';
import type { KernelObject, LinkObject, Namespace } from '../../plan/object.ts';
import type { LinkPlace } from '../link.ts';
import type { KernelLink, NetworkNamespace } from './namespace.ts';
import type { KernelState } from './state.ts';

/** As `Kernel.observe`. A veth pair is told once, by the end of the namespace that is looked at first. */
export function observe(state: KernelState, { sandboxes, kinds }: Scope): readonly KernelObject[] {
  const wanted = (kind: KernelObject['kind']): boolean => kinds?.includes(kind) ?? true;
  const objects: KernelObject[] = [];
  if (wanted('namespace')) objects.push(...state.sandboxes().map((id) => ({ kind: 'namespace', id }) as const));
  const views = ['host', ...new Set(sandboxes)].filter((name) => state.has(name)).map((name) => state.namespace(name));
  for (const view of views) {
    if (wanted('address')) objects.push(...view.addresses());
    if (wanted('route')) objects.push(...view.routes());
    if (wanted('sysctl')) objects.push(...view.sysctls());
    if (wanted('link')) objects.push(...view.links().flatMap((link) => linkObject(link, view, views) ?? []));
  }
  if (wanted('chain')) objects.push(...state.firewall.chains());
  if (wanted('rule')) objects.push(...state.firewall.rules());
  objects.push(...state.nftables.objects().filter(({ kind }) => wanted(kind)));
  return objects;
}

function linkObject(
  link: KernelLink,
  { name: namespace }: NetworkNamespace,
  views: readonly NetworkNamespace[],
): LinkObject | undefined {
  const { name, type, up, mtu, mac, master, hairpin, parent, mode, vlan, peer } = link;
  const common = { kind: 'link', namespace, name, up } as const;
  switch (type) {
    case 'loopback':
    case 'dummy':
      return { ...common, type };
    case 'bridge':
      return { ...common, type, mtu, ...(mac && { mac }) };
    case 'vlan':
      return { ...common, type, parent: parent?.link ?? '', ...(vlan !== undefined && { vlan }) };
    case 'macvlan':
    case 'ipvlan':
      return { ...common, type, parent: parent?.link ?? '', mode: mode ?? '', mtu, ...(mac && { mac }) };
    case 'veth': {
      const far = peer && farEnd(peer, views);
      if (peer && far && !stands({ namespace, link: name }, peer, views)) return undefined;
      return {
        ...common,
        type,
        mtu,
        ...(master !== undefined && { master, hairpin: hairpin ?? false }),
        peer: far
          ? { namespace: peer.namespace, name: peer.link, ...(far.mac && { mac: far.mac }) }
          : { namespace: '', name: '' },
      };
    }
    case 'other':
      return undefined;
  }
}

const farEnd = (peer: LinkPlace, views: readonly NetworkNamespace[]): KernelLink | undefined =>
  views.find(({ name }) => name === peer.namespace)?.link(peer.link);

/** Within one namespace the end that was made last stands for the pair. */
function stands(end: LinkPlace, peer: LinkPlace, views: readonly NetworkNamespace[]): boolean {
  const place = (name: Namespace): number => views.findIndex((view) => view.name === name);
  if (end.namespace !== peer.namespace) return place(end.namespace) < place(peer.namespace);
  const names = views[place(end.namespace)]!.links().map(({ name }) => name);
  return names.indexOf(end.link) > names.indexOf(peer.link);
}
