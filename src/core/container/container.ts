import type { EndpointSettings } from '../network/endpoint.ts';
import type { ContainerConfig, HostConfig } from './config.ts';
import type { HealthStatus } from './health.ts';

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

export interface ContainerState {
  readonly status: ContainerStatus;
  readonly pid: number;
  readonly exitCode: number;
  readonly error: string;
  /** RFC 3339, or `0001-01-01T00:00:00Z`. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** A user stopped it: no restart policy but `always` at the daemon's start brings it back. */
  readonly stoppedByUser: boolean;
  readonly oomKilled: boolean;
  /** Absent if nothing checks it, or it never ran. */
  readonly health?: HealthStatus;
}

/** A mount as it was resolved when the container was created. */
export interface ContainerMount {
  readonly type: 'bind' | 'volume' | 'tmpfs';
  /** Volume name; empty for others. */
  readonly name: string;
  /** Path on the host. */
  readonly source: string;
  readonly destination: string;
  readonly mode: string;
  readonly writable: boolean;
  readonly propagation: string;
  /** Whether the image's content at the destination is copied into a new volume. */
  readonly copy: boolean;
}

/** The record of a container. Plain JSON. */
export interface ContainerRecord {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly created: string;
  /** `sha256:…` */
  readonly imageId: string;
  /** Entrypoint and command, joined: what is executed. */
  readonly args: readonly string[];
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly state: ContainerState;
  readonly restartCount: number;
  readonly mounts: readonly ContainerMount[];
  /** Network name -> the place there. Kept while the container is stopped. */
  readonly networks: Readonly<Record<string, NetworkPlace>>;
}

/** What was asked of a container's place on a network, and what became of it. */
export interface NetworkPlace extends EndpointSettings {
  readonly networkId: string;
  /** Its aliases, short id and hostname, as they were when it was connected last; absent before. */
  readonly names?: readonly string[];
  /** Whether it ever had an endpoint there. */
  readonly joined?: true;
}

export function isAlive({ state }: ContainerRecord): boolean {
  return state.status === 'running' || state.status === 'paused';
}

/** The id of the container whose files in /etc it has: those of the one whose network it shares, else its own. */
export function etcHolder({ id, hostConfig }: ContainerRecord): string {
  const [, holder] = /^container:(.+)/.exec(hostConfig.NetworkMode) ?? [];
  return holder ?? id;
}
