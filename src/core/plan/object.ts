/**
 * The kernel objects that the engine asks for, as values.
 *
 * Drivers and firewall layouts make them from records, `plan` compares them, the kernel port makes
 * them real, and `explain`, `trace` and the page read their reasons.
 */
import type { NftChain } from '../firewall/nft/ruleset.ts';
import type { Family, Rule, Table } from '../firewall/rule.ts';

/** The network namespace that holds an object: the engine's own (`host`) or a sandbox, by its id. */
export type Namespace = 'host' | (string & {});

/** The record that calls for an object. `name` is for people, `id` is stable. */
export interface Owner {
  readonly kind: 'engine' | 'network' | 'endpoint' | 'sandbox';
  readonly id: string;
  readonly name: string;
}

export interface Reason {
  readonly owner: Owner;
  /** One sentence: what this object is there for. */
  readonly why: string;
}

export interface NamespaceObject {
  readonly kind: 'namespace';
  readonly id: string;
}

export interface BridgeLink {
  readonly kind: 'link';
  readonly type: 'bridge';
  readonly namespace: Namespace;
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly up: boolean;
  /** Somebody else's: it is only brought up, and stays when nothing calls for it any more. */
  readonly foreign?: true;
}

/** A veth pair: the end that stays (`name`, port of `master`) and the peer, born in the sandbox. `mtu` and `up` are of both ends. */
export interface VethLink {
  readonly kind: 'link';
  readonly type: 'veth';
  readonly namespace: Namespace;
  readonly name: string;
  readonly mtu?: number;
  /** The bridge that the staying end is a port of. */
  readonly master?: string;
  /** Whether the bridge may send a frame back out of this port. */
  readonly hairpin?: boolean;
  readonly up: boolean;
  readonly peer: { readonly namespace: Namespace; readonly name: string; readonly mac?: string };
}

/** A macvlan or ipvlan child, born in the sandbox on a parent link of the host. */
export interface ChildLink {
  readonly kind: 'link';
  readonly type: 'macvlan' | 'ipvlan';
  readonly namespace: Namespace;
  readonly name: string;
  readonly parent: string;
  readonly mode: string;
  /** Of ipvlan: `private`, `vepa`; undefined: `bridge`. */
  readonly flag?: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly up: boolean;
}

/** A link that stands by itself: `dummy`, or `vlan` on `parent` with `vlan` as its tag; `loopback` is only brought up. */
export interface PlainLink {
  readonly kind: 'link';
  readonly type: 'dummy' | 'vlan' | 'loopback';
  readonly namespace: Namespace;
  readonly name: string;
  readonly parent?: string;
  readonly vlan?: number;
  readonly up: boolean;
}

export type LinkObject = BridgeLink | VethLink | ChildLink | PlainLink;

export interface AddressObject {
  readonly kind: 'address';
  readonly namespace: Namespace;
  readonly link: string;
  /** Host address with prefix length: `172.18.0.1/16`. */
  readonly address: string;
  readonly broadcast?: string;
  /** IPv6: skip duplicate address detection. */
  readonly nodad?: boolean;
}

export interface RouteObject {
  readonly kind: 'route';
  readonly namespace: Namespace;
  readonly family: Family;
  /** `default` or a CIDR. */
  readonly to: string;
  readonly via?: string;
  readonly link: string;
}

/** `name` is the path below /proc/sys: `net/ipv4/ip_forward`. Removing it leaves the value as it is. */
export interface SysctlObject {
  readonly kind: 'sysctl';
  readonly namespace: Namespace;
  readonly name: string;
  readonly value: string;
}

/** A chain of our own, or (with `policy`) the policy of a built-in one. */
export interface ChainObject {
  readonly kind: 'chain';
  readonly family: Family;
  readonly table: Table;
  readonly name: string;
  readonly policy?: 'ACCEPT' | 'DROP';
  /** Users write rules of their own into it: a repair leaves there what it does not know. */
  readonly open?: true;
}

/**
 * Where a rule stands among the others of its chain, which may hold foreign rules too.
 * `first` rules lead (they are moved to the front again after anything is inserted at the head);
 * then `head` rules, the highest sequence first; then foreign rules; then `tail` rules, the lowest
 * sequence first. Rules of equal sequence stand by rising `index`.
 */
export interface Position {
  readonly section: 'first' | 'head' | 'tail';
  readonly sequence: number;
  readonly index: number;
}

export interface RuleObject {
  readonly kind: 'rule';
  readonly rule: Rule;
  readonly position: Position;
}

/** A table of nftables. What is in it names it as `table`. */
export interface NftTableObject {
  readonly kind: 'nft-table';
  readonly family: Family;
  readonly name: string;
}

/** A set, or with `map` a map, whose `map` are the types of its values; `verdict` stands alone. */
export interface NftSetObject {
  readonly kind: 'nft-set';
  readonly family: Family;
  readonly table: string;
  readonly name: string;
  readonly type: readonly string[];
  readonly map?: readonly string[];
}

/**
 * A chain with its rules, which are written together: a chain that differs is written anew. The
 * comment of a rule of ours is the digest of its statements, as nftables' versions list one rule in
 * several ways.
 */
export interface NftChainObject extends NftChain {
  readonly kind: 'nft-chain';
  readonly family: Family;
  readonly table: string;
  /** Users write its rules, so it is never written by us, and stays as long as one is in it. */
  readonly open?: true;
}

/** A value in an element of a set: an address, the name of a link or protocol, a port. */
export type NftValue = string | number;

/** One element of a set or map. A map's has a `value`, a verdict map's a `verdict`: `accept`, `goto published`. */
export interface NftElementObject {
  readonly kind: 'nft-element';
  readonly family: Family;
  readonly table: string;
  readonly set: string;
  readonly key: readonly NftValue[];
  readonly value?: readonly NftValue[];
  readonly verdict?: string;
}

export type NftObject = NftTableObject | NftSetObject | NftChainObject | NftElementObject;

/** A listening socket of the userland proxy, in the engine's own namespace. */
export interface ListenerObject {
  readonly kind: 'listener';
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** The host's address: `0.0.0.0`, `::`, `127.0.0.1`, … */
  readonly address: string;
  readonly port: number;
  readonly target: { readonly address: string; readonly port: number };
  /** False keeps the port reserved (bound), but forwards nothing. */
  readonly forward: boolean;
}

/** The name server of one sandbox: 127.0.0.11 port 53 inside it, over UDP and TCP. */
export interface ResolverObject {
  readonly kind: 'resolver';
  readonly sandbox: string;
}

/** What the kernel port makes. */
export type KernelObject =
  | NamespaceObject
  | LinkObject
  | AddressObject
  | RouteObject
  | SysctlObject
  | ChainObject
  | RuleObject
  | NftObject;

/** What the sockets port makes. */
export type SocketObject = ListenerObject | ResolverObject;

export type HostObject = KernelObject | SocketObject;

export function isSocket<T extends HostObject>(object: T): object is T & SocketObject {
  return object.kind === 'listener' || object.kind === 'resolver';
}

export function isKernel<T extends HostObject>(object: T): object is T & KernelObject {
  return !isSocket(object);
}

/** An object that is wanted, with who wants it and why. */
export type Desired<T extends HostObject = HostObject> = T & Reason;
