/** The links of a namespace: what they are plugged into decides where a frame goes. */

export type LinkType = 'loopback' | 'bridge' | 'veth' | 'macvlan' | 'ipvlan' | 'vlan' | 'dummy' | 'other';

/** A link by its namespace and name. */
export interface LinkPlace {
  readonly namespace: string;
  readonly link: string;
}

export interface Link {
  readonly name: string;
  readonly type: LinkType;
  readonly up: boolean;
  readonly mtu: number;
  readonly mac?: string;
  /** The bridge that this is a port of. */
  readonly master?: string;
  /** A veth's other end; absent if it lies outside of what is known. */
  readonly peer?: LinkPlace;
  /** The link that a macvlan, ipvlan or vlan stands on. */
  readonly parent?: LinkPlace;
  /** macvlan and ipvlan: `bridge`, `private`, `vepa`, `passthru`, `l2`, `l3`, `l3s`. */
  readonly mode?: string;
  /** Port of a bridge: frames may go back out of the port that they came in by. */
  readonly hairpin?: boolean;
  /** Port of a bridge: no frames to other isolated ports. */
  readonly isolated?: boolean;
  /** Bridge: its own switches beside those of the namespace. */
  readonly callsIptables?: boolean;
}
