/**
 * What the engine offers to whoever drives it: the daemon's API, the model in a browser, tests.
 * References (`ref`) are a full id, a name, or a unique id prefix, looked up in that order.
 * All methods throw EngineError, with Docker's text, before anything has changed.
 */
import type { ContainerConfig, HostConfig } from '../container/config.ts';
import type { ContainerRecord } from '../container/container.ts';
import type { HealthHistory, HealthStatus } from '../container/health.ts';
import type { EndpointRecord, EndpointSettings, SandboxRecord } from '../network/endpoint.ts';
import type { Labels, NetworkRecord } from '../network/network.ts';
import type { Desired, KernelObject } from '../plan/object.ts';
import type { Step } from '../plan/step.ts';
import type { Events } from './event.ts';
import type { ExecProcess, ExecSpec, Exit, Input, LogQuery, OutputChunk } from './runtime.ts';
import type { Volumes } from './volumes.ts';

/** An IPAM pool as a user writes it: nothing is canonical or checked yet. */
export interface PoolRequest {
  readonly subnet?: string;
  readonly ipRange?: string;
  readonly gateway?: string;
  readonly auxiliary?: Labels;
}

export interface NetworkRequest {
  readonly name: string;
  readonly driver: string;
  readonly checkDuplicate: boolean;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ingress: boolean;
  readonly scope: string;
  readonly enableIPv4?: boolean;
  readonly enableIPv6?: boolean;
  readonly configOnly: boolean;
  readonly configFrom: string;
  readonly ipam?: { readonly driver: string; readonly options: Labels | null; readonly pools: readonly PoolRequest[] };
  readonly options: Labels;
  readonly labels: Labels;
}

export interface ContainerRequest {
  /** Empty: the engine finds a name. */
  readonly name: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** Network name or id -> settings. */
  readonly networks: Readonly<Record<string, EndpointSettings>>;
}

/** A network with its members, for inspection. */
export interface NetworkView {
  readonly network: NetworkRecord;
  readonly endpoints: readonly { readonly endpoint: EndpointRecord; readonly containerName: string }[];
}

/** What the health checks of a container made of it. */
export interface Health extends HealthHistory {
  readonly status: HealthStatus;
}

/** A container with its place on the networks, for inspection. */
export interface ContainerView {
  readonly container: ContainerRecord;
  readonly sandbox: SandboxRecord | undefined;
  readonly endpoints: readonly { readonly endpoint: EndpointRecord; readonly network: NetworkRecord }[];
  /** Its names as a link of others: `web/store`. */
  readonly linkNames: readonly string[];
  readonly execIds: readonly string[];
  readonly health?: Health | undefined;
}

/** Which records a prune takes. */
export interface PruneFilter {
  /** `key` or `key=value`, all of which must be there. */
  readonly labels: readonly string[];
  /** None of which may be there. */
  readonly withoutLabels: readonly string[];
  /** RFC 3339: only what was created before. */
  readonly until?: string;
}

export interface Networks {
  list(): readonly NetworkView[];
  get(ref: string): NetworkView;
  create(request: NetworkRequest): Promise<{ readonly id: string; readonly warning: string }>;
  remove(ref: string): Promise<void>;
  connect(ref: string, container: string, settings: EndpointSettings): Promise<void>;
  /** `force` looks for what a lost container left on the network; nothing ever is. */
  disconnect(ref: string, container: string, options?: { readonly force?: boolean }): Promise<void>;
  /** Removes unused user-defined networks; gives their names. */
  prune(filter: PruneFilter): Promise<readonly string[]>;
}

export interface Attachment {
  /** Output from now on (after the stored one, if `logs` was asked); ends with the process. */
  readonly output: AsyncIterable<OutputChunk>;
  /** Present if standard input was asked for and is open. */
  readonly input: Input | undefined;
  readonly tty: boolean;
}

export interface Containers {
  list(): readonly ContainerView[];
  get(ref: string): ContainerView;
  create(request: ContainerRequest): Promise<{ readonly id: string; readonly warnings: readonly string[] }>;
  start(ref: string): Promise<void>;
  /** Throws not-modified if it does not run. `seconds` -1 waits for ever; undefined: the container's own, else 10. */
  stop(
    ref: string,
    options?: { readonly seconds?: number | undefined; readonly signal?: string | undefined },
  ): Promise<void>;
  kill(ref: string, signal: string): Promise<void>;
  restart(
    ref: string,
    options?: { readonly seconds?: number | undefined; readonly signal?: string | undefined },
  ): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  /** Resolves after the condition came true. For `removed`, the last exit. */
  wait(ref: string, condition: 'not-running' | 'next-exit' | 'removed'): Promise<Exit>;
  remove(ref: string, options: { readonly force: boolean; readonly volumes: boolean }): Promise<void>;
  rename(ref: string, name: string): Promise<void>;
  update(ref: string, changes: Partial<HostConfig>): Promise<void>;
  resize(ref: string, columns: number, rows: number): Promise<void>;
  attach(
    ref: string,
    options: {
      readonly logs: boolean;
      readonly stream: boolean;
      readonly stdin: boolean;
      readonly stdout: boolean;
      readonly stderr: boolean;
    },
  ): Promise<Attachment>;
  logs(ref: string, query: LogQuery): AsyncIterable<OutputChunk>;
  /** Makes an exec instance; gives its id. */
  createExec(ref: string, request: Omit<ExecSpec, 'id' | 'containerId'>): Promise<string>;
  startExec(id: string, options: { readonly tty: boolean }): Promise<ExecProcess>;
  getExec(id: string): ExecView;
  /** @throws EngineError as `startExec` would, if it has run already or its container does not run */
  getStartableExec(id: string): ExecView;
  resizeExec(id: string, columns: number, rows: number): Promise<void>;
  /** PIDs of the container's processes, in the host's PID namespace. */
  processes(ref: string): Promise<readonly number[]>;
  /** Removes stopped containers; gives their ids. */
  prune(filter: PruneFilter): Promise<readonly string[]>;
}

export interface ExecView {
  readonly spec: ExecSpec;
  readonly running: boolean;
  readonly exitCode: number | null;
  readonly pid: number;
}

/** The engine's use cases on a copy of its records: nothing is done, and what would be is told. */
export interface Rehearsal {
  readonly networks: Networks;
  readonly containers: Containers;
  readonly volumes: Volumes;
  /** What the calls so far would have done to the host, in that order. */
  readonly steps: readonly Step[];
  close(): void;
}

/** What is wanted, and what is there. */
export interface Inspection {
  /** All that the records call for. */
  desired(): readonly Desired[];
  /** All that is there, whosever it is, on the host and in the sandboxes. */
  observed(): Promise<readonly KernelObject[]>;
  /** What a repair would do now. */
  plan(): Promise<readonly Step[]>;
  /** Makes what is there what is wanted; gives the steps. */
  repair(): Promise<readonly Step[]>;
}

export interface EngineApi {
  readonly networks: Networks;
  readonly containers: Containers;
  readonly inspection: Inspection;
  readonly events: Events;
  rehearse(): Rehearsal;
}
