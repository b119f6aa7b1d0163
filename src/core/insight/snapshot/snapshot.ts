/**
 * One JSON value with all that a diagnosis needs: what the tools print in each namespace, and on a
 * host of ours the records. Secrets are left out: no environment, no labels, no command lines.
 */
import type { ContainerStatus } from '../../container/container.ts';
import type { Upstream } from '../../engine/names.ts';
import type { FirewallOptions } from '../../firewall/layout.ts';
import type { PoolSource } from '../../ipam/sources.ts';
import type { NamespaceTexts } from '../../model/texts.ts';
import type { EndpointRecord, PortBinding, SandboxRecord } from '../../network/endpoint.ts';
import type { NetworkRecord } from '../../network/network.ts';
import type { Desired, KernelObject } from '../../plan/object.ts';

export const FORMAT = 1;
export const HOST = 'host';
/** Stands before the name of a container of Docker's, for its namespace. */
export const INSIDE = 'inside ';

export interface Snapshot {
  /** The version of this format. */
  readonly passerelle: typeof FORMAT;
  /** RFC 3339. */
  readonly taken: string;
  /** `host`, and the sandboxes by their ids. */
  readonly namespaces: Readonly<Record<string, NamespaceTexts>>;
  /** What went wrong while it was taken: parts that are missing, and why. */
  readonly problems: readonly string[];
  /** Absent where no engine of ours was asked. */
  readonly engine?: EngineSnapshot;
  /** What networks and containers are called on a host that Docker manages. */
  readonly docker?: DockerNames;
}

export interface EngineSnapshot {
  readonly version: string;
  readonly firewall: FirewallOptions;
  readonly addressPools: readonly PoolSource[];
  readonly networks: readonly SnapshotNetwork[];
  readonly containers: readonly SnapshotContainer[];
  readonly sandboxes: readonly SandboxRecord[];
  readonly endpoints: readonly EndpointRecord[];
  readonly desired: readonly Desired[];
  /** As the kernel port sees it. */
  readonly observed: readonly KernelObject[];
  /** By sandbox: whom its name server asks for names of the outside, in this order. */
  readonly nameServers?: Readonly<Record<string, Upstream['servers']>>;
}

export type SnapshotNetwork = Omit<NetworkRecord, 'labels'>;

export interface SnapshotContainer {
  readonly id: string;
  readonly name: string;
  readonly status: ContainerStatus;
  readonly networkMode: string;
  /** `5000/tcp` */
  readonly exposed: readonly string[];
  /** The ports of the host that it was created to be published at, whether it runs or not; those that the engine chooses are left out. */
  readonly wanted?: readonly PortBinding[];
  /** Its last start failed. */
  readonly startFailed?: boolean;
}

export interface DockerNames {
  /** Bridge -> network. */
  readonly networks: Readonly<Record<string, string>>;
  /** Address -> container. */
  readonly containers: Readonly<Record<string, string>>;
  /** Address -> the network that it is on. */
  readonly addresses?: Readonly<Record<string, string>>;
  /** Containers on the host's own network, each by its name. */
  readonly onHost?: Readonly<Record<string, string>>;
  /** Container -> the container whose network it shares. */
  readonly shared?: Readonly<Record<string, string>>;
}

/** @throws Error that says why the text is no snapshot */
export function readSnapshot(text: string): Snapshot {
  let value: (Omit<Partial<Snapshot>, 'passerelle'> & { readonly passerelle?: number }) | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch (error) {
    if (!/^\s*\{/.test(text)) {
      throw new Error('it is no snapshot, and no output of iptables-save, nft -j or ip is in it', { cause: error });
    }
    throw new Error(`it is no snapshot: ${String(error)}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || value.passerelle === undefined) {
    throw new Error(
      'it is no snapshot: `passerelle snapshot` and the script of `passerelle snapshot --script` make them',
    );
  }
  if (value.passerelle !== FORMAT) {
    throw new Error(`it is a snapshot of format ${String(value.passerelle)}, and this program reads format ${FORMAT}`);
  }
  return { taken: '', problems: [], namespaces: {}, ...value } as Snapshot;
}
