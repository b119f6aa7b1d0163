/** The objects that netlink and /proc make: each one added, removed, changed. Rules are in `firewall.ts` and `tables.ts`. */
import type {
  AddressObject,
  ChainObject,
  KernelObject,
  LinkObject,
  Namespace,
  NftObject,
  RouteObject,
  RuleObject,
} from '../core/plan/object.ts';
import { SystemError } from './ffi.ts';
import { changeLink, makeLink, unmakeLink } from './links.ts';
import { type Namespaces, NoNamespaceError } from './namespaces.ts';
import { addAddress, type Address, removeAddress } from './netlink/address.ts';
import { NetlinkError } from './netlink/message.ts';
import { addRoute, removeRoute, replaceRoute, type Route } from './netlink/route.ts';
import { readSysctl, writeSysctl } from './sysctl.ts';

export type PlainObject = Exclude<KernelObject, ChainObject | RuleObject | NftObject>;

/** Takes back what was done. */
export type Undo = () => void;

export function addObject(namespaces: Namespaces, object: PlainObject): Undo {
  switch (object.kind) {
    case 'namespace':
      namespaces.create(object.id);
      break;
    case 'link':
      makeLink(namespaces, object);
      break;
    case 'address':
      addAddress(namespaces.route(object.namespace), address(namespaces, object));
      break;
    case 'route':
      addRoute(namespaces.route(object.namespace), route(namespaces, object));
      break;
    case 'sysctl':
      return setSysctl(namespaces, object.namespace, object.name, object.value);
  }
  return () => removeObject(namespaces, object);
}

/**
 * Removes the object, and `contents` with it. What is gone already is as it should be; then there is
 * nothing to take back.
 */
export function removeObject(namespaces: Namespaces, object: PlainObject, contents: readonly PlainObject[] = []): Undo {
  return unlessGone(() => {
    switch (object.kind) {
      case 'namespace':
        return namespaces.remove(object.id) ? again(namespaces, object, contents) : NOTHING;
      case 'link':
        return beginLinkRemoval(namespaces, object, contents)();
      case 'address':
        removeAddress(namespaces.route(object.namespace), address(namespaces, object));
        break;
      case 'route':
        removeRoute(namespaces.route(object.namespace), route(namespaces, object));
        break;
      case 'sysctl':
        // A setting that is no longer asked for stays as it is.
        return NOTHING;
    }
    return again(namespaces, object, contents);
  });
}

/** Begins what `removeObject` does with a link, over which the kernel takes its time; what is returned waits until it is gone. */
export function beginLinkRemoval(
  namespaces: Namespaces,
  link: LinkObject,
  contents: readonly PlainObject[] = [],
): () => Undo {
  let isGone = () => {};
  // With a bridge's address its routes go, one by one; else the kernel looks for them among those of all networks.
  const addresses = link.type === 'bridge' && !link.foreign ? contents.filter(isIpv4Address) : [];
  const undos: Undo[] = [];
  const keeping = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      if (!saysGone(error)) for (const undo of undos.toReversed()) undo();
      throw error;
    }
  };
  const undo = unlessGone(() =>
    keeping(() => {
      for (const address of addresses) undos.push(removeObject(namespaces, address));
      isGone = unmakeLink(namespaces, link);
      return again(namespaces, link, contents);
    }),
  );
  return () =>
    unlessGone(() => {
      keeping(isGone);
      return undo;
    });
}

const isIpv4Address = (object: PlainObject): boolean => object.kind === 'address' && !object.address.includes(':');

const NOTHING: Undo = () => {};

function again(namespaces: Namespaces, object: PlainObject, contents: readonly PlainObject[]): Undo {
  return () => {
    for (const lost of [object, ...contents]) addObject(namespaces, lost);
  };
}

/** What `remove` does, and how to take it back. */
function unlessGone(remove: () => Undo): Undo {
  try {
    return remove();
  } catch (error) {
    if (saysGone(error)) return NOTHING;
    throw error;
  }
}

export function changeObject(namespaces: Namespaces, before: PlainObject, object: PlainObject): Undo {
  const undo = () => void changeObject(namespaces, object, before);
  if (object.kind === 'sysctl') return setSysctl(namespaces, object.namespace, object.name, object.value);
  if (object.kind === 'route') {
    replaceRoute(namespaces.route(object.namespace), route(namespaces, object));
    return undo;
  }
  if (object.kind === 'link' && before.kind === 'link') {
    changeLink(namespaces, before, object);
    return undo;
  }
  // An address keeps its broadcast address for life.
  removeObject(namespaces, before);
  addObject(namespaces, object);
  return undo;
}

function setSysctl(namespaces: Namespaces, namespace: Namespace, name: string, value: string): Undo {
  return namespaces.inside(namespace, () => {
    const before = readSysctl(name);
    if (before === value) return () => {};
    writeSysctl(name, value);
    return () => {
      if (before !== undefined) namespaces.inside(namespace, () => writeSysctl(name, before));
    };
  });
}

function address(namespaces: Namespaces, object: AddressObject): Address {
  return { ...object, link: namespaces.route(object.namespace).indexOf(object.link) };
}

function route(namespaces: Namespaces, object: RouteObject): Route {
  return { ...object, link: namespaces.route(object.namespace).indexOf(object.link) };
}

/** No such link, address or route. */
const GONE = new Set(['ENODEV', 'EADDRNOTAVAIL', 'ESRCH']);

function saysGone(error: unknown): boolean {
  if (error instanceof NoNamespaceError) return true;
  return (error instanceof NetlinkError || error instanceof SystemError) && GONE.has(error.code);
}
