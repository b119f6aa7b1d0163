/** The order in which differences are made real. */
import { containers, key, keysOf } from './key.ts';
import type { Desired, HostObject } from './object.ts';
import type { Step } from './step.ts';

export interface Differences {
  readonly added: readonly Desired[];
  readonly removed: readonly Desired[];
  readonly changed: readonly { readonly before: Desired; readonly after: Desired }[];
}

/**
 * One list of steps that can be done in its order:
 * listeners that close, listeners that are bound (a port that is taken is noticed before anything else
 * has happened), what must go to make place for its successor, namespaces, links, sysctls (IPv6 may
 * have to be switched on for an address), addresses, routes, what goes of them, in reverse (the kernel
 * is slow with links, and the firewall need not wait), one run of nftables' steps, one of iptables',
 * namespaces that go, and at last name servers: those of sandboxes that are gone, and of those that are
 * there by now.
 *
 * What is within a removed object gets no step of its own: it is told as the removal's contents.
 */
export function arrange({ added, removed, changed }: Differences): Step[] {
  const gone = new Map(removed.flatMap((object) => keysOf(object).map((its) => [its, object] as const)));
  const isInside = (object: HostObject) => containers(object).some((container) => gone.has(container));
  const roots = removed.filter((object) => !isInside(object));
  const contents = new Map<Desired, Desired[]>(roots.map((object) => [object, []]));
  for (const object of removed.filter((object) => isInside(object))) {
    const container = containers(object).find((its) => contents.has(gone.get(its)!))!;
    contents.get(gone.get(container)!)!.push(object);
  }

  const successors = new Set(added.map((object) => key(object)));
  const phased: { readonly phase: number; readonly step: Step }[] = [];
  for (const object of roots) {
    const inside = contents.get(object)!.toSorted((a, b) => addPhase(a) - addPhase(b));
    const step: Step = { op: 'remove', object, ...(inside.length > 0 && { contents: inside }) };
    const makesPlace = object.kind !== 'rule' && successors.has(key(object));
    phased.push({ phase: makesPlace ? MAKE_PLACE : removePhase(object), step });
  }
  for (const { before, after } of changed) {
    phased.push({ phase: changePhase(after), step: { op: 'change', object: after, before } });
  }
  for (const object of added) phased.push({ phase: addPhase(object), step: { op: 'add', object } });
  // Sorting is stable: within a phase the order is the one in which the objects were given.
  return phased.sort((a, b) => a.phase - b.phase).map(({ step }) => step);
}

const MAKE_PLACE = 5;
/** nftables' steps stand together: one transaction. */
const NFT = 30;
const FIREWALL = 40;

function addPhase(object: HostObject): number {
  switch (object.kind) {
    case 'listener':
      return 3;
    case 'namespace':
      return 10;
    case 'link':
      return 11 + linkRank(object.type);
    case 'sysctl':
      return 20;
    case 'address':
      return 21;
    case 'route':
      return 22;
    case 'nft-table':
      return NFT;
    case 'nft-set':
      return NFT + 1;
    case 'nft-chain':
      return NFT + 2;
    case 'nft-element':
      return NFT + 3;
    case 'chain':
      return FIREWALL;
    case 'rule':
      return FIREWALL + 3;
    case 'resolver':
      return 70;
  }
}

function changePhase(object: HostObject): number {
  return object.kind === 'rule' ? FIREWALL + 2 : addPhase(object);
}

function removePhase(object: HostObject): number {
  switch (object.kind) {
    case 'listener':
      return 2;
    case 'nft-element':
      return NFT + 4;
    case 'nft-chain':
      return NFT + 5;
    case 'nft-set':
      return NFT + 6;
    case 'nft-table':
      return NFT + 7;
    case 'rule':
      return FIREWALL + 1;
    case 'chain':
      return FIREWALL + 4;
    case 'route':
      return 23;
    case 'address':
      return 24;
    case 'sysctl':
      return 25;
    case 'link':
      return 28 - linkRank(object.type);
    case 'namespace':
      return 60;
    case 'resolver':
      return 65;
  }
}

/** Links that others stand on come first. */
function linkRank(type: 'bridge' | 'veth' | 'macvlan' | 'ipvlan' | 'dummy' | 'vlan' | 'loopback'): number {
  switch (type) {
    case 'bridge':
    case 'dummy':
    case 'loopback':
      return 0;
    case 'vlan':
      return 1;
    case 'veth':
    case 'macvlan':
    case 'ipvlan':
      return 2;
  }
}
