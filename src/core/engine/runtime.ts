import type { ContainerRecord } from '../container/container.ts';

/** What a runtime needs beyond the record to make a container's process. */
export interface StartSpec {
  readonly container: ContainerRecord;
  /** The network namespace to join; null: the engine's own. */
  readonly networkNamespace: string | null;
  /** The container whose network it shares, and so the files that are mounted into /etc. */
  readonly etcOf?: string;
  /** The container whose PID or IPC namespace is joined, if the record asks for one: its pid. */
  readonly joinPid?: number;
  readonly joinIpc?: number;
}

/** The files that are mounted into a container's /etc. */
export type EtcFile = 'hosts' | 'hostname' | 'resolv.conf';

export interface Exit {
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** RFC 3339 */
  readonly at: string;
}

/** One chunk of output. A terminal has `stdout` only. */
export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
  /** RFC 3339 with nanoseconds: when the monitor read it. */
  readonly time: string;
}

export interface LogQuery {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Goes on until the process has ended and all was read. */
  readonly follow: boolean;
  /** The last so many lines; undefined: all. */
  readonly tail?: number;
  /** RFC 3339 bounds, inclusive. */
  readonly since?: string;
  readonly until?: string;
}

/** A process's standard input. `write` resolves when the monitor has taken the bytes. */
export interface Input {
  write(data: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

export interface ExecSpec {
  readonly id: string;
  readonly containerId: string;
  readonly args: readonly string[];
  readonly tty: boolean;
  readonly env: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  readonly privileged: boolean;
  readonly stdin: boolean;
  readonly detachKeys?: string;
}

export interface ExecProcess {
  readonly pid: number;
  readonly output: AsyncIterable<OutputChunk>;
  readonly input: Input;
  /** The exit code. */
  readonly exited: Promise<number>;
  resize(columns: number, rows: number): Promise<void>;
  /** SIGKILL; nothing happens to one that has ended. */
  kill(): void;
}

/** What a runtime could not do, in its own words. `code` 127: no such executable; 126: not executable. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  readonly exitCode: number;

  constructor(message: string, exitCode = 128) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Runs containers. Containers outlive the engine: after a new start, `adopt` finds them again.
 * All methods name a container by its full id.
 */
export interface Runtime {
  /** Makes what lasts from create to remove: the root filesystem's upper layer, the record's volumes filled. */
  prepare(container: ContainerRecord): Promise<void>;
  /** Writes a file of the container's /etc in place, so that a running container sees it. */
  writeEtc(id: string, file: EtcFile, content: string): Promise<void>;
  readEtc(id: string, file: EtcFile): Promise<string>;
  /** Where that file is on the host. */
  etcPath(id: string, file: EtcFile): string;
  /** Where the container's log file is on the host. */
  logPath(id: string): string;
  /** Makes the process, stopped just before its first instruction; resolves with its pid. */
  create(spec: StartSpec): Promise<number>;
  /** Lets the created process run. */
  start(id: string): Promise<void>;
  /** Ends what `create` left behind: after an exit, or after a create that was not started. */
  clean(id: string): Promise<void>;
  /** Removes what `prepare` made. */
  remove(id: string): Promise<void>;
  /** Resolves when the process has ended; also for one that ended while nobody looked. */
  exited(id: string): Promise<Exit>;
  /** Finds a container that was started by an earlier engine: its pid, or null if it has ended. */
  adopt(id: string): Promise<number | null>;
  signal(id: string, signal: number): Promise<void>;
  pause(id: string): Promise<void>;
  unpause(id: string): Promise<void>;
  resize(id: string, columns: number, rows: number): Promise<void>;
  /** Applies the record's resource limits to the running container. */
  update(container: ContainerRecord): Promise<void>;
  /**
   * The output of all runs; with `fromNow` true, what comes after this call. To follow a container that
   * does not run is to wait for its next run, if `fromNow` is given (who attaches comes before the start),
   * else to read what there is.
   */
  logs(id: string, query: LogQuery & { readonly fromNow?: boolean }): AsyncIterable<OutputChunk>;
  /** Standard input of a running container. With `once`, the container sees the end when this input ends. */
  input(id: string, options: { readonly once: boolean }): Promise<Input>;
  exec(spec: ExecSpec): Promise<ExecProcess>;
  /** PIDs of the container's processes, in the host's PID namespace. */
  processes(id: string): Promise<readonly number[]>;
  close(): Promise<void>;
}
