/**
 * A Linux in miniature: what decides a packet's way, as plain data.
 *
 * It is made from what a kernel port observed (`objects.ts`) or from what people paste
 * (`texts.ts`). What was not given is named in `unknown`, and the walk asks before it leans on it.
 */
import type { Address } from '../address/address.ts';
import type { Prefix } from '../address/prefix.ts';
import type { Family, Rule, Table } from '../firewall/rule.ts';
import type { NftRuleset } from '../firewall/nft/ruleset.ts';
import type { Reason } from '../plan/object.ts';
import type { Link } from './link.ts';
import type { Route, RoutingRule } from './route.ts';

export interface InterfaceAddress {
  readonly link: string;
  readonly address: Address;
  readonly prefix: Prefix;
  readonly broadcast?: Address;
}

export interface Neighbour {
  readonly link: string;
  readonly address: Address;
  readonly mac: string;
  readonly state: string;
}

/** A socket that takes what comes: a TCP listener, or a bound UDP socket. */
export interface Listener {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Undefined: every address of `version`. */
  readonly address?: Address;
  /** Of the wildcard: 4, 6 or both. */
  readonly version: 4 | 6 | 'both';
  readonly port: number;
  /** `SO_BINDTODEVICE` */
  readonly link?: string;
  /** Who listens, for people. */
  readonly process?: string;
  /** Its number, where the listing told it. */
  readonly pid?: number;
}

/** One direction of a flow. ICMP: both ports are the identifier. */
export interface Tuple {
  readonly protocol: number;
  readonly source: Address;
  readonly sourcePort: number;
  readonly destination: Address;
  readonly destinationPort: number;
}

/** A line of `conntrack -L`. */
export interface FlowEntry {
  readonly original: Tuple;
  readonly reply: Tuple;
  readonly seenReply: boolean;
  readonly mark: number;
}

/** A rule with, where it is ours, who called for it and why. */
export interface PlacedRule {
  readonly rule: Rule;
  readonly reason?: Reason;
}

export interface IptablesChain {
  readonly name: string;
  readonly policy?: 'ACCEPT' | 'DROP';
  readonly rules: readonly PlacedRule[];
}

export interface IptablesTable {
  readonly family: Family;
  readonly table: Table;
  /** The machinery that holds it: both may be there side by side, and both must let a packet pass. */
  readonly variant: 'legacy' | 'nft';
  readonly chains: ReadonlyMap<string, IptablesChain>;
}

/** Parts of a namespace that may not have been given. */
export type Part =
  | 'links'
  | 'addresses'
  | 'routes'
  | 'sysctls'
  | 'sockets'
  | 'conntrack'
  | 'iptables'
  | 'nftables'
  | 'neighbours';

export interface LinuxNamespace {
  readonly name: string;
  readonly links: ReadonlyMap<string, Link>;
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly Route[];
  readonly rules: { readonly ip: readonly RoutingRule[]; readonly ip6: readonly RoutingRule[] };
  readonly neighbours: readonly Neighbour[];
  /** By the path below /proc/sys. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly listeners: readonly Listener[];
  readonly flows: readonly FlowEntry[];
  readonly iptables: readonly IptablesTable[];
  readonly nftables: NftRuleset;
  readonly unknown: ReadonlySet<Part>;
}

export interface Linux {
  readonly namespaces: ReadonlyMap<string, LinuxNamespace>;
}
