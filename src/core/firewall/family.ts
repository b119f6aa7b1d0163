import type { NetworkRecord } from '../network/network.ts';
import type { FirewallOptions } from './layout.ts';
import type { Family } from './rule.ts';

/** The families that rules are written for. */
export function families(options: FirewallOptions): Family[] {
  return [...(options.iptables ? (['ip'] as const) : []), ...(options.ip6tables ? (['ip6'] as const) : [])];
}

/** The family of an address or prefix. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 'ip6' : 'ip';
}

/** The network's subnets of one family. */
export function subnetsOf({ ipam }: NetworkRecord, family: Family): string[] {
  return ipam.pools.map(({ subnet }) => subnet).filter((subnet) => familyOf(subnet) === family);
}
