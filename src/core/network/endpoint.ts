import type { Labels } from './network.ts';

export type PortProtocol = 'tcp' | 'udp' | 'sctp';

/** A host address and port given to an endpoint's port. */
export interface PortBinding {
  readonly protocol: PortProtocol;
  readonly containerPort: number;
  /** `0.0.0.0`, `::`, or one address of the host. */
  readonly hostAddress: string;
  /** 0 on a routed network: the port is open at the container's own address alone. */
  readonly hostPort: number;
}

/** What a user asked of a container's place on a network. */
export interface EndpointSettings {
  readonly ipv4Address?: string;
  readonly ipv6Address?: string;
  readonly linkLocalAddresses?: readonly string[];
  readonly mac?: string;
  readonly aliases?: readonly string[];
  /** `container:alias` */
  readonly links?: readonly string[];
  readonly driverOptions?: Labels;
  readonly gatewayPriority?: number;
}

/**
 * One container's place on one network. It exists while the container's sandbox does.
 * Addresses bear their prefix length: `172.18.0.2/16`.
 */
export interface EndpointRecord {
  readonly id: string;
  readonly networkId: string;
  readonly containerId: string;
  readonly sandboxId: string;
  /** The container's link: `eth0`. */
  readonly interfaceName: string;
  /** The host's end of the veth pair; empty for drivers without one. */
  readonly hostInterface: string;
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly linkLocalAddresses: readonly string[];
  readonly gateway4: string;
  readonly gateway6: string;
  /** Whether the sandbox's default route of that family goes this way. */
  readonly isGateway4: boolean;
  readonly isGateway6: boolean;
  /** Names that the network's other members find this endpoint by, besides the container's. */
  readonly aliases: readonly string[];
  readonly links: readonly string[];
  readonly driverOptions: Labels;
  /** The published ports: only on the endpoint that is the sandbox's gateway. */
  readonly bindings: readonly PortBinding[];
  /** Rises each time ports are bound; orders rules that are appended to a chain. */
  readonly bindingSequence: number;
  /** Ports of others on a bridge without icc that it may call as it is linked to them; undefined: none. */
  readonly linkedTo?: readonly {
    readonly address: string;
    readonly ports: readonly { readonly protocol: PortProtocol; readonly port: number }[];
  }[];
  /** Rises each time those change. */
  readonly linkSequence?: number;
}

/** A container's network namespace and what is common to its endpoints. */
export interface SandboxRecord {
  readonly id: string;
  readonly containerId: string;
  /** True if the container uses the engine's own namespace: none is made for it. */
  readonly host: boolean;
  /** Interface name prefix -> how many links ever bore it: names are not used twice in a sandbox's life. */
  readonly interfaces: Readonly<Record<string, number>>;
}
