/** A way of writing the firewall: from records to the rules that the kernel holds. */
import type { EndpointRecord } from '../network/endpoint.ts';
import type { NetworkRecord } from '../network/network.ts';
import type { Mark } from './mark.ts';
import type { ChainObject, Desired, HostObject, NftObject, RuleObject } from '../plan/object.ts';

export type Backend = 'iptables' | 'nftables';

/** What the daemon's configuration says about packets, besides what each network says itself. */
export interface FirewallOptions {
  /** What holds the rules, and with it the layout. */
  readonly backend: Backend;
  /** Off: no IPv4 rule at all is written, whatever the back end. */
  readonly iptables: boolean;
  readonly ip6tables: boolean;
  /** Off: published ports are reached by rules alone, from loopback and from within the bridge too. */
  readonly userlandProxy: boolean;
  /** On: other machines may reach container addresses without a published port of the host. */
  readonly allowDirectRouting: boolean;
  /** The engine turns on forwarding between the host's links. */
  readonly ipForward: boolean;
  /**
   * FORWARD drops what no rule accepts: so it is when the engine itself turned forwarding on. On
   * iptables only: in a table of our own such a drop would be final for everybody's packets.
   */
  readonly forwardDrop: boolean;
  /** Packets with this mark may enter every network. */
  readonly acceptMark?: Mark;
}

export type FirewallObject = Desired<ChainObject> | Desired<RuleObject> | Desired<NftObject>;

const KINDS: Readonly<Record<Backend, ReadonlySet<HostObject['kind']>>> = {
  iptables: new Set(['chain', 'rule']),
  nftables: new Set(['nft-table', 'nft-set', 'nft-chain', 'nft-element']),
};

/** Whether a back end, or that one, holds objects of that kind. */
export function isFirewall({ kind }: Pick<HostObject, 'kind'>, backend?: Backend): boolean {
  return backend ? KINDS[backend].has(kind) : KINDS.iptables.has(kind) || KINDS.nftables.has(kind);
}

/** One container's place on a network, with the names that reasons speak of. */
export interface Place {
  readonly endpoint: EndpointRecord;
  readonly network: NetworkRecord;
  readonly containerName: string;
}

/**
 * One layout. Each function gives the objects of one record, from that record alone, so that a
 * change costs what it changes. The order within a chain is said by each rule's position.
 */
export interface FirewallLayout {
  /** What is there as long as the engine is: base chains, the jumps to them, the policy. */
  engine(options: FirewallOptions): readonly FirewallObject[];
  network(network: NetworkRecord, options: FirewallOptions): readonly FirewallObject[];
  endpoint(place: Place, options: FirewallOptions): readonly FirewallObject[];
}
