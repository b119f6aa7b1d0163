import { printRule } from '../firewall/print.ts';
import type { HostObject, NftElementObject } from './object.ts';

/** Keys as they were asked for once: an object's is asked for several times on its way to a step. */
const keys = new WeakMap<HostObject, string>();

/**
 * What an object is, whatever its other properties: two objects of one key can't be told apart by
 * the kernel. Only of rules may there be several, where several records call for the same one.
 */
export function key(object: HostObject): string {
  let its = keys.get(object);
  if (its === undefined) keys.set(object, (its = keyOf(object)));
  return its;
}

function keyOf(object: HostObject): string {
  switch (object.kind) {
    case 'namespace':
      return `namespace ${object.id}`;
    case 'link':
      return linkKey(object.namespace, object.name);
    case 'address':
      return `address ${object.namespace} ${object.link} ${object.address}`;
    case 'route':
      return `route ${object.namespace} ${object.family} ${object.to}`;
    case 'sysctl':
      return `sysctl ${object.namespace} ${object.name}`;
    case 'chain':
      return chainKey(object);
    case 'rule':
      return `rule ${object.rule.family} ${object.rule.table} ${printRule(object.rule)}`;
    case 'nft-table':
      return nftTableKey(object.family, object.name);
    case 'nft-set':
    case 'nft-chain':
      return `${object.kind} ${object.family} ${object.table} ${object.name}`;
    case 'nft-element':
      return `nft-element ${object.family} ${object.table} ${object.set} ${object.key.join(' . ')}`;
    case 'listener':
      return `listener ${object.protocol} ${object.address} ${object.port}`;
    case 'resolver':
      return `resolver ${object.sandbox}`;
  }
}

export function linkKey(namespace: string, name: string): string {
  return `link ${namespace} ${name}`;
}

export function chainKey(chain: { readonly family: string; readonly table: string; readonly name: string }): string {
  return `chain ${chain.family} ${chain.table} ${chain.name}`;
}

function nftTableKey(family: string, name: string): string {
  return `nft-table ${family} ${name}`;
}

/** The key of the set that an element is in. */
export function nftSetKey({ family, table, set }: NftElementObject): string {
  return `nft-set ${family} ${table} ${set}`;
}

/** The keys of the objects that `object` is in, and that it vanishes with. */
export function containers(object: HostObject): readonly string[] {
  switch (object.kind) {
    case 'link':
      // A child is in its parent's way until the kernel has cleared its namespace up, which it does in its own time.
      return object.type === 'macvlan' || object.type === 'ipvlan' ? [] : [`namespace ${object.namespace}`];
    case 'address':
    case 'route':
      return [linkKey(object.namespace, object.link), `namespace ${object.namespace}`];
    case 'sysctl': {
      // net/ipv6/conf/eth0/disable_ipv6 is there as long as eth0 is.
      const [, , group, link] = object.name.split('/');
      const itsLink = group === 'conf' || group === 'neigh' ? [linkKey(object.namespace, link ?? '')] : [];
      return [...itsLink, `namespace ${object.namespace}`];
    }
    case 'rule': {
      const { family, table, chain } = object.rule;
      return [chainKey({ family, table, name: chain })];
    }
    case 'nft-element':
      return [nftSetKey(object), nftTableKey(object.family, object.table)];
    case 'nft-set':
    case 'nft-chain':
      return [nftTableKey(object.family, object.table)];
    case 'namespace':
    case 'chain':
    case 'nft-table':
    case 'listener':
    case 'resolver':
      return [];
  }
}

/**
 * The keys of all that goes when `object` goes: its own, and the other end of a veth pair. A built-in
 * chain stays, whoever sets its policy, and so does somebody else's bridge.
 */
export function keysOf(object: HostObject): readonly string[] {
  if ((object.kind === 'chain' && object.policy) || ('foreign' in object && object.foreign)) return [];
  if (object.kind !== 'link' || object.type !== 'veth') return [key(object)];
  return [key(object), linkKey(object.peer.namespace, object.peer.name)];
}
