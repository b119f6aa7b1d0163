/** Link objects: how each is made, changed and removed over rtnetlink. */
import type { LinkObject, Namespace } from '../core/plan/object.ts';
import type { Namespaces } from './namespaces.ts';
import { addLink, type LinkKind, type LinkSettings, removeLink, setHairpin, setLink } from './netlink/link.ts';

const LOOPBACK = 'lo';

export function makeLink(namespaces: Namespaces, link: LinkObject): void {
  const socket = namespaces.route(link.namespace);
  switch (link.type) {
    case 'loopback':
      return setLink(socket, LOOPBACK, { up: link.up });
    case 'bridge':
      if (link.foreign) return setLink(socket, link.name, { up: link.up });
      return addLink(socket, link.name, { kind: 'bridge' }, { mac: link.mac, mtu: link.mtu, up: link.up });
    case 'dummy':
      return addLink(socket, link.name, { kind: 'dummy' }, { up: link.up });
    case 'vlan': {
      const kind: LinkKind = { kind: 'vlan', id: link.vlan ?? 0, parent: socket.indexOf(link.parent ?? '') };
      return addLink(socket, link.name, kind, { up: link.up });
    }
    case 'macvlan':
    case 'ipvlan':
      return namespaces.withDescriptor(link.namespace, (namespace) => {
        const host = namespaces.route('host');
        const { type, mode, flag } = link;
        const kind: LinkKind = { kind: type, mode, flag, parent: host.indexOf(link.parent), namespace };
        addLink(host, link.name, kind, { mac: link.mac, mtu: link.mtu, up: link.up });
      });
    case 'veth':
      namespaces.withDescriptor(link.peer.namespace, (namespace) => {
        const { name, mac } = link.peer;
        const kind: LinkKind = { kind: 'veth', peer: { name, mac, mtu: link.mtu, namespace } };
        const master = link.master === undefined ? undefined : socket.indexOf(link.master);
        addLink(socket, link.name, kind, { mtu: link.mtu, master, up: link.up });
      });
      try {
        if (link.up) setLink(namespaces.route(link.peer.namespace), link.peer.name, { up: true });
        if (link.hairpin) setHairpin(socket, link.name, true);
      } catch (error) {
        unmakeLink(namespaces, link)();
        throw error;
      }
  }
}

/**
 * Begins to remove it; what is returned waits until it is gone. A loopback link stays, but goes down;
 * somebody else's bridge stays as it is.
 */
export function unmakeLink(namespaces: Namespaces, link: LinkObject): () => void {
  if (link.type === 'bridge' && link.foreign) return () => {};
  if (link.type !== 'loopback') {
    return namespaces.inside(link.namespace, () => removeLink(namespaces.route(link.namespace), link.name));
  }
  setLink(namespaces.route(link.namespace), LOOPBACK, { up: false });
  return () => {};
}

/** Turns `before` into `link`: by its settings where they are all that differs, else by making it anew. */
export function changeLink(namespaces: Namespaces, before: LinkObject, link: LinkObject): void {
  if (birth(before) !== birth(link)) {
    unmakeLink(namespaces, before)();
    return makeLink(namespaces, link);
  }
  const socket = namespaces.route(link.namespace);
  const old = settings(before);
  const { mac, mtu, up, master, hairpin, peer } = settings(link);
  const changed: LinkSettings = {
    mac: differing(old.mac, mac),
    mtu: differing(old.mtu, mtu),
    up: differing(old.up, up),
    master: old.master === master ? undefined : master === undefined ? 0 : socket.indexOf(master),
  };
  const changedPeer: LinkSettings = { mac: differing(old.peer?.mac, peer?.mac), mtu: changed.mtu };
  if (isAny(changed)) setLink(socket, link.name, changed);
  if (peer && isAny(changedPeer)) setLink(namespaces.route(peer.namespace), peer.name, changedPeer);
  // A port that came to another bridge is a new port: its hairpin mode is off.
  const wasHairpin = changed.master === undefined && old.hairpin;
  if (master !== undefined && hairpin !== wasHairpin) setHairpin(socket, link.name, hairpin);
}

/** What a link keeps from its birth on. */
function birth(link: LinkObject): string {
  const born: unknown[] = [link.type, link.namespace, link.name];
  if (link.type === 'veth') born.push(link.peer.namespace, link.peer.name);
  if (link.type === 'macvlan' || link.type === 'ipvlan') born.push(link.parent, link.mode, link.flag);
  if (link.type === 'vlan') born.push(link.parent, link.vlan);
  return JSON.stringify(born);
}

interface Settings {
  readonly up: boolean;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly master?: string | undefined;
  readonly hairpin: boolean;
  readonly peer?: { readonly namespace: Namespace; readonly name: string; readonly mac?: string };
}

function settings(link: LinkObject): Settings {
  const { up } = link;
  if (link.type === 'veth') {
    const { mtu, master, peer, hairpin = false } = link;
    return { up, mtu, master, hairpin, peer };
  }
  if (link.type === 'bridge' || link.type === 'macvlan' || link.type === 'ipvlan') {
    return { up, mac: link.mac, mtu: link.mtu, hairpin: false };
  }
  return { up, hairpin: false };
}

const differing = <T>(old: T, now: T): T | undefined => (old === now ? undefined : now);

const isAny = (settings: LinkSettings): boolean => Object.values(settings).some((value) => value !== undefined);
