/** The record of a network: what a user created, in canonical and resolved form. Plain JSON. */

export type Labels = Readonly<Record<string, string>>;

/** One address pool of a network. Everything is canonical text (`172.18.0.0/16`, `172.18.0.1`). */
export interface Pool {
  readonly subnet: string;
  readonly gateway?: string;
  readonly ipRange?: string;
  /** Name -> address, kept out of use. */
  readonly auxiliary?: Labels;
}

export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated';

/** What the bridge driver reads from a network's options, resolved with their defaults. */
export interface BridgeSettings {
  /** The bridge link's name. */
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  /** Containers on the network may talk to each other. */
  readonly icc: boolean;
  readonly masquerade: boolean;
  /** The host address that ports bind to when the user gives none; empty: all. */
  readonly hostBinding: string;
  readonly gatewayMode4: GatewayMode;
  readonly gatewayMode6: GatewayMode;
  /** No IPv4 address on the bridge. */
  readonly inhibitIpv4: boolean;
  /** SNAT sources instead of masquerading; empty: masquerade. */
  readonly hostIpv4: string;
  readonly hostIpv6: string;
  readonly trustedInterfaces: readonly string[];
  readonly interfacePrefix: string;
  /** The bridge was there before the network and stays when it goes. */
  readonly foreign: boolean;
  /** The addresses that it had then, with prefix length: they are its owner's. */
  readonly had?: readonly string[];
}

/** What the macvlan and ipvlan drivers read from a network's options. */
export interface ParentSettings {
  /** The link of the host that the containers' links are children of. */
  readonly parent: string;
  readonly mode: string;
  /** Of ipvlan, if it is not `bridge`: `private` or `vepa`. */
  readonly flag?: string;
  readonly mtu?: number;
  /** The engine makes the parent: a link that leads nowhere, or a VLAN on a link of the host. */
  readonly made?:
    | { readonly kind: 'dummy' }
    | { readonly kind: 'vlan'; readonly parent: string; readonly vlan: number };
}

export interface NetworkRecord {
  readonly id: string;
  readonly name: string;
  readonly created: string;
  readonly driver: string;
  readonly scope: 'local' | 'swarm' | 'global';
  readonly enableIPv4: boolean;
  readonly enableIPv6: boolean;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ingress: boolean;
  readonly configOnly: boolean;
  readonly configFrom: string;
  readonly options: Labels;
  readonly labels: Labels;
  readonly ipam: {
    readonly driver: string;
    /** As the request gave it: clients compare `null` and `{}`. */
    readonly options: Labels | null;
    /** The pools in use, IPv4 first. Empty for null and host. */
    readonly pools: readonly Pool[];
    /** The pools as the request wrote them, which is how they are shown; absent if it named none. */
    readonly requested?: readonly Pool[];
  };
  /** Set for the bridge driver only. */
  readonly bridge?: BridgeSettings;
  /** Set for the macvlan and ipvlan drivers only. */
  readonly parent?: ParentSettings;
  /** Rises with each network; orders rules that are inserted at a chain's head. */
  readonly sequence: number;
}
