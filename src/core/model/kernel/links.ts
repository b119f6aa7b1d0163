/** Links that are born, change and go, with what goes with them: far ends, children, ports. */
import type { LinkObject, Namespace } from '../../plan/object.ts';
import type { KernelLink } from './namespace.ts';
import { Refusal } from './refusal.ts';
import type { KernelState } from './state.ts';

const MTU = 1500;

export function makeLink(state: KernelState, object: LinkObject): void {
  const home = state.writable(object.namespace);
  const { name, up } = object;
  switch (object.type) {
    case 'loopback':
      return home.setLink(name, { up });
    case 'bridge':
      if (object.foreign) return home.setLink(name, { up });
      return home.addLink({ name, type: 'bridge', up, mtu: object.mtu ?? MTU, mac: object.mac ?? state.nextMac() });
    case 'dummy':
      return home.addLink({ name, type: 'dummy', up, mtu: MTU, mac: state.nextMac() });
    case 'vlan': {
      const { mtu, mac } = home.link(object.parent ?? '');
      const parent = { namespace: object.namespace, link: object.parent ?? '' };
      return home.addLink({ name, type: 'vlan', up, mtu, mac: mac ?? state.nextMac(), parent, vlan: object.vlan ?? 0 });
    }
    case 'macvlan':
    case 'ipvlan': {
      const below = state.namespace('host').link(object.parent);
      const mac = object.type === 'ipvlan' ? below.mac : object.mac;
      return home.addLink({
        name,
        type: object.type,
        up,
        mtu: object.mtu ?? below.mtu,
        mac: mac ?? state.nextMac(),
        parent: { namespace: 'host', link: object.parent },
        mode: object.mode,
      });
    }
    case 'veth': {
      const { peer, master, hairpin = false, mtu = MTU } = object;
      if (master !== undefined) refuseNoBridge(home.link(master));
      // The far end is made first; if the near one is refused, it has not been there.
      state.writable(peer.namespace).addLink({
        name: peer.name,
        type: 'veth',
        up,
        mtu,
        mac: peer.mac ?? state.nextMac(),
        peer: { namespace: object.namespace, link: name },
      });
      home.addLink({
        name,
        type: 'veth',
        up,
        mtu,
        mac: state.nextMac(),
        peer: { namespace: peer.namespace, link: peer.name },
        ...(master !== undefined && { master, hairpin }),
      });
    }
  }
}

/** A loopback link stays, but goes down; somebody else's bridge stays as it is. What is not there has gone already. */
export function unmakeLink(state: KernelState, object: LinkObject): void {
  const { namespace, name, type } = object;
  if (object.type === 'bridge' && object.foreign) return;
  if (!state.has(namespace) || !state.namespace(namespace).hasLink(name)) return;
  if (type === 'loopback') state.writable(namespace).setLink(name, { up: false });
  else removeLink(state, namespace, name);
}

export function removeNamespace(state: KernelState, sandbox: string): void {
  if (!state.has(sandbox)) return;
  for (const { name } of state.namespace(sandbox).links()) removeLink(state, sandbox, name);
  state.deleteNamespace(sandbox);
}

function removeLink(state: KernelState, namespace: Namespace, name: string): void {
  const home = state.writable(namespace);
  if (!home.hasLink(name)) return;
  const { peer } = home.link(name);
  home.removeLink(name);
  if (peer) removeLink(state, peer.namespace, peer.link);
  for (const other of state.namespaces()) {
    for (const { name: child, parent } of other.links()) {
      if (parent?.namespace === namespace && parent.link === name) removeLink(state, other.name, child);
    }
  }
}

/** Turns `before` into `object`: by its settings where they are all that differs, else by making it anew. */
export function changeLink(state: KernelState, before: LinkObject, object: LinkObject): void {
  const { name, up } = object;
  const home = state.writable(object.namespace);
  if (birth(before) !== birth(object)) {
    unmakeLink(state, before);
    makeLink(state, object);
  } else if (object.type === 'veth' && before.type === 'veth') {
    const { peer, mtu, master, hairpin = false } = object;
    const size = mtu !== undefined && mtu !== before.mtu ? { mtu } : {};
    const mac = peer.mac !== undefined && peer.mac !== before.peer.mac ? { mac: peer.mac } : {};
    home.setLink(name, { ...size, ...(up !== before.up && { up }) });
    state.writable(peer.namespace).setLink(peer.name, { ...size, ...mac });
    if (master === undefined) {
      if (before.master !== undefined) home.release(name);
    } else {
      refuseNoBridge(home.link(master));
      home.setLink(name, { master, hairpin });
    }
  } else {
    const { mac, mtu } = settable(object);
    const old = settable(before);
    home.setLink(name, {
      ...(mac !== undefined && mac !== old.mac && { mac }),
      ...(mtu !== undefined && mtu !== old.mtu && { mtu }),
      ...(up !== before.up && { up }),
    });
  }
}

/** What a link keeps from its birth on. */
function birth(link: LinkObject): string {
  const { type, namespace, name } = link;
  const place = link.type === 'veth' ? [link.peer.namespace, link.peer.name] : [];
  const ground = 'parent' in link ? [link.parent, 'mode' in link ? link.mode : link.vlan] : [];
  return JSON.stringify([type, namespace, name, ...place, ...ground]);
}

const settable = (link: LinkObject): { readonly mac?: string; readonly mtu?: number } =>
  link.type === 'bridge' || link.type === 'macvlan' || link.type === 'ipvlan' ? link : {};

function refuseNoBridge({ name, type }: KernelLink): void {
  if (type !== 'bridge') throw new Refusal('EINVAL', `${name} is no bridge`);
}
