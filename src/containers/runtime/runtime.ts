import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ContainerRecord } from '../../core/container/container.ts';
import type { Clock } from '../../core/engine/clock.ts';
import {
  type EtcFile,
  type ExecProcess,
  type ExecSpec,
  type Exit,
  type Input,
  type LogQuery,
  type OutputChunk,
  type Runtime,
  RuntimeError,
  type StartSpec,
} from '../../core/engine/runtime.ts';
import { unmount } from '../../linux/mount.ts';
import { Cgroups } from './cgroup.ts';
import { startExec } from './exec.ts';
import { createFailure } from './failure.ts';
import { readIfPresent } from './files.ts';
import { containerUser, Host } from './host.ts';
import { readLog } from './log/read.ts';
import { lastError, Monitor, type MonitorStart } from './monitor.ts';
import { findOciRuntime, findProgram, OciRuntime } from './oci-runtime.ts';
import type { OciConfig } from './oci/config.ts';
import { environment, ociCapabilities } from './oci/container.ts';
import { shmOptions } from './oci/mounts.ts';
import { containerPaths, type ContainerPaths, etcPath } from './paths.ts';
import { identify, isAlive, parseIdentity, printIdentity, type ProcessIdentity, sendSignal } from './process.ts';
import { isMounted, mountShm, Roots } from './root.ts';
import { AttachedInput } from './stdin.ts';
import { TerminalSize } from './terminal.ts';
import { rfc3339 } from './time.ts';
import { ensureBindSources, fillVolume } from './volume.ts';

const SIGKILL = 9;
/** The exit code of a container whose monitor was killed: we kill it then, since nobody has its output. */
const KILLED = 137;
/** The exit code of a container that went with the machine. */
const UNKNOWN = 255;
/** How long killed processes are given to be gone, in milliseconds. */
const DYING = 10_000;

export interface ConmonRuntimeOptions {
  /** What is to last is under `<dataRoot>/containers/<id>`. */
  readonly dataRoot: string;
  /** The state of what runs; need not outlive a reboot. At most 80 bytes long, for the sockets in it. */
  readonly runRoot: string;
  /** The directories of an image's layers, the top one first. */
  readonly layers: (imageId: string) => readonly string[] | Promise<readonly string[]>;
  readonly clock: Clock;
  /** The cgroup that holds the containers' ones. */
  readonly cgroupParent?: string;
}

/** One life of a container's process, from `create` to `clean`. */
interface Run {
  readonly process: ProcessIdentity;
  readonly monitor: Monitor;
  readonly terminal: TerminalSize;
  exit?: Promise<Exit>;
}

/**
 * Runs containers with an OCI runtime (runc), each under a monitor of its own (conmon), on an overlay of
 * its image's layers.
 */
export class ConmonRuntime implements Runtime {
  readonly #options: ConmonRuntimeOptions;
  readonly #cgroups: Cgroups;
  readonly #host: Host;
  readonly #oci: OciRuntime;
  readonly #monitor: Pick<MonitorStart, 'program' | 'args' | 'environment'>;
  readonly #roots = new Roots();
  readonly #runs = new Map<string, Run>();
  /** Readers who wait for a container's next run, to be told when that has ended. */
  readonly #waiting = new Map<string, ((ended: Promise<void>) => void)[]>();

  /** @throws RuntimeError if conmon or an OCI runtime is missing */
  constructor(options: ConmonRuntimeOptions) {
    this.#options = options;
    if (Buffer.byteLength(options.runRoot) > 80) throw new RuntimeError(`run root too long: ${options.runRoot}`);
    const program = findProgram('conmon');
    if (!program) throw new RuntimeError('there is no container monitor: install conmon');
    this.#cgroups = new Cgroups(options.cgroupParent ?? 'passerelle');
    this.#host = new Host(this.#cgroups);
    this.#oci = new OciRuntime(findOciRuntime(this.#cgroups.unified), join(options.runRoot, 'oci'));
    this.#monitor = {
      program,
      args: [
        '--api-version',
        '--no-sync-log',
        `--runtime=${this.#oci.program}`,
        `--runtime-arg=--root=${this.#oci.root}`,
        '--runtime-arg=--log-format=json',
      ],
      environment: { PATH: process.env['PATH'] ?? '', TMPDIR: options.runRoot },
    };
  }

  async prepare(container: ContainerRecord): Promise<void> {
    const paths = this.#paths(container.id);
    this.#host.capabilitiesOf(container);
    await mkdir(paths.upper, { recursive: true });
    // A new file with nothing in it, or the one that is there as it is.
    const files = [paths.log, ...ETC_FILES.map((file) => etcPath(paths, file)), join(paths.upper, '.dockerenv')];
    await Promise.all(files.map((path) => writeFile(path, '', { flag: 'a' })));
    await ensureBindSources(container);
    const volumes = container.mounts.filter(({ type, copy }) => type === 'volume' && copy);
    if (volumes.length === 0) return;
    await this.withRoot(container, async (root) => {
      for (const { destination, source } of volumes) await fillVolume(root, destination, source);
    });
  }

  /** Calls `use` with the path of the container's root filesystem, mounted whether it runs or not. */
  async withRoot<T>(container: ContainerRecord, use: (root: string) => Promise<T>): Promise<T> {
    const paths = this.#paths(container.id);
    this.#roots.hold(paths, await this.#options.layers(container.imageId));
    try {
      return await use(paths.root);
    } finally {
      this.#roots.release(paths);
    }
  }

  async writeEtc(id: string, file: EtcFile, content: string): Promise<void> {
    // Over the old content and then cut, so that whoever reads meanwhile does not find it empty.
    const fd = openSync(this.etcPath(id, file), 'r+');
    try {
      const data = Buffer.from(content);
      writeSync(fd, data, 0, data.length, 0);
      if (fstatSync(fd).size > data.length) ftruncateSync(fd, data.length);
    } finally {
      closeSync(fd);
    }
  }

  async readEtc(id: string, file: EtcFile): Promise<string> {
    return readFileSync(this.etcPath(id, file), 'utf8');
  }

  etcPath(id: string, file: EtcFile): string {
    return etcPath(this.#paths(id), file);
  }

  logPath(id: string): string {
    return this.#paths(id).log;
  }

  async create(spec: StartSpec): Promise<number> {
    const { container } = spec;
    const { id, config } = container;
    const paths = this.#paths(id);
    // What an engine left that died between create and start.
    if (existsSync(paths.run) || isMounted(paths.root)) await this.clean(id);
    await ensureBindSources(container);
    mkdirSync(paths.run, { recursive: true, mode: 0o700 });
    rmSync(paths.exit, { force: true });
    this.#roots.hold(paths, await this.#options.layers(container.imageId));
    const shm = await this.#sharedMemory(spec, paths);
    const etc = (file: EtcFile): string => this.etcPath(spec.etcOf ?? id, file);
    writeFileSync(paths.config, JSON.stringify(await this.#host.configuration(spec, paths.root, { etc, shm })));

    const monitor = Monitor.start({
      ...this.#monitor,
      directory: paths.run,
      fifo: paths.monitor,
      args: [
        ...this.#monitor.args,
        `--cid=${id}`,
        `--cuuid=${id}`,
        `--name=${container.name}`,
        `--bundle=${paths.run}`,
        '--full-attach',
        `--container-pidfile=${paths.pid}`,
        `--persist-dir=${paths.data}`,
        `--log-path=k8s-file:${paths.log}`,
        `--runtime-arg=--log=${paths.runtimeLog}`,
        ...(config.Tty ? ['--terminal'] : []),
        ...(config.OpenStdin ? ['--stdin'] : []),
        ...(config.OpenStdin && !config.StdinOnce ? ['--leave-stdin-open'] : []),
      ],
    });
    this.#tellWaiting(id, monitor.ended);
    const message = await monitor.next();
    const identity = message && message.data > 0 ? identify(message.data) : undefined;
    if (!identity) {
      await monitor.ended;
      const cause = lastError(readIfPresent(paths.runtimeLog) ?? '') ?? message?.message ?? monitor.failure;
      throw createFailure('create', cause);
    }
    writeFileSync(paths.identity, printIdentity(identity));
    this.#runs.set(id, { process: identity, monitor, terminal: new TerminalSize(paths.run) });
    return identity.pid;
  }

  async start(id: string): Promise<void> {
    try {
      await this.#oci.start(id, this.#running(id).monitor.ended);
    } catch (error) {
      throw error instanceof RuntimeError ? createFailure('start', error.message) : error;
    }
  }

  async clean(id: string): Promise<void> {
    const paths = this.#paths(id);
    const run = this.#runs.get(id);
    const monitor = run?.monitor ?? Monitor.find(paths.monitor);
    await this.#kill(id);
    await this.#cgroups.remove(id);
    this.#oci.forget(id);
    if (monitor) await Promise.race([monitor.ended, pause(DYING, undefined, { ref: false })]);
    monitor?.close();
    this.#runs.delete(id);
    if (run || isMounted(paths.root)) this.#roots.release(paths);
    unmount(paths.shm);
    await rm(paths.run, { recursive: true, force: true });
  }

  async remove(id: string): Promise<void> {
    const paths = this.#paths(id);
    if (this.#runs.has(id) || existsSync(paths.run) || isMounted(paths.root)) await this.clean(id);
    this.#tellWaiting(id, Promise.resolve());
    await rm(paths.data, { recursive: true, force: true });
  }

  async exited(id: string): Promise<Exit> {
    const run = this.#runs.get(id);
    if (run) return (run.exit ??= run.monitor.ended.then(() => this.#collectExit(id)));
    // It may be about to write the exit file.
    const monitor = this.#oci.isWaiting(id) ? undefined : Monitor.find(this.#paths(id).monitor);
    await monitor?.ended;
    return this.#collectExit(id);
  }

  async adopt(id: string): Promise<number | null> {
    const known = this.#runs.get(id);
    if (known) return isAlive(known.process) ? known.process.pid : null;
    const paths = this.#paths(id);
    const identity = parseIdentity(readIfPresent(paths.identity) ?? '');
    if (!identity || !isAlive(identity) || this.#oci.isWaiting(id)) return null;
    const monitor = Monitor.find(paths.monitor);
    if (!monitor) return null;
    this.#runs.set(id, { process: identity, monitor, terminal: new TerminalSize(paths.run) });
    this.#roots.hold(paths, []);
    return identity.pid;
  }

  async signal(id: string, signal: number): Promise<void> {
    const { process } = this.#running(id);
    if (isAlive(process)) sendSignal(process.pid, signal);
  }

  async pause(id: string): Promise<void> {
    await this.#oci.run(['pause', id]);
  }

  async unpause(id: string): Promise<void> {
    await this.#oci.run(['resume', id]);
  }

  resize(id: string, columns: number, rows: number): Promise<void> {
    return this.#running(id).terminal.set(columns, rows);
  }

  async update(container: ContainerRecord): Promise<void> {
    const limits = JSON.stringify(this.#host.resources(container));
    await this.#oci.run(['update', '--resources', '-', container.id], limits);
  }

  logs(id: string, query: LogQuery & { readonly fromNow?: boolean }): AsyncIterable<OutputChunk> {
    const path = this.logPath(id);
    return readLog(path, {
      query,
      from: query.fromNow ? statSync(path).size : undefined,
      ended: query.follow ? this.#ended(id, query.fromNow !== undefined) : undefined,
    });
  }

  async input(id: string): Promise<Input> {
    this.#running(id);
    return AttachedInput.connect(this.#paths(id).run);
  }

  async exec(spec: ExecSpec): Promise<ExecProcess> {
    this.#running(spec.containerId);
    const paths = this.#paths(spec.containerId);
    const config = JSON.parse(readFileSync(paths.config, 'utf8')) as OciConfig;
    return startExec({
      id: spec.id,
      containerId: spec.containerId,
      process: this.#execProcess(spec, config.process, paths.root),
      stdin: spec.stdin,
      directory: join(paths.run, 'exec', spec.id),
      clock: this.#options.clock,
      monitor: this.#monitor,
    });
  }

  async processes(id: string): Promise<readonly number[]> {
    return this.#cgroups.processes(id);
  }

  close(): Promise<void> {
    for (const { monitor } of this.#runs.values()) monitor.close();
    this.#runs.clear();
    this.#cgroups.close();
    return Promise.resolve();
  }

  #paths(id: string): ContainerPaths {
    return containerPaths(this.#options.dataRoot, this.#options.runRoot, id);
  }

  #running(id: string): Run {
    const run = this.#runs.get(id);
    if (!run) throw new RuntimeError(`Container ${id} is not running`);
    return run;
  }

  /** What is mounted as /dev/shm, as `MountSources` wants it. */
  async #sharedMemory({ container, joinIpc }: StartSpec, paths: ContainerPaths): Promise<string | null | undefined> {
    const { IpcMode, ShmSize } = container.hostConfig;
    if (IpcMode === 'none') return null;
    if (IpcMode === 'host') return '/dev/shm';
    if (IpcMode === 'shareable') {
      mountShm(paths.shm, shmOptions(ShmSize));
      return paths.shm;
    }
    if (joinIpc === undefined) return undefined;
    const donor = [...this.#runs].find(([, { process }]) => process.pid === joinIpc)?.[0];
    const shared = donor && this.#paths(donor).shm;
    if (shared && isMounted(shared)) return shared;
    throw new RuntimeError(
      `cannot join IPC of a non-shareable container ${donor ?? joinIpc} (hint: use IpcMode:shareable for the donor container)`,
    );
  }

  #execProcess(spec: ExecSpec, base: OciConfig['process'], root: string): OciConfig['process'] {
    return {
      ...base,
      terminal: spec.tty,
      args: spec.args,
      env: environment([...(spec.tty ? ['TERM=xterm'] : []), ...base.env], spec.env),
      cwd: spec.workingDir || base.cwd,
      user: spec.user ? execUser(root, spec.user) : base.user,
      ...(spec.privileged && { capabilities: ociCapabilities(this.#host.capabilities) }),
    };
  }

  /** When the run that is going on has ended; if there is none: at once, or when the next one has. */
  #ended(id: string, next: boolean): Promise<void> {
    const run = this.#runs.get(id);
    if (run) return run.monitor.ended;
    if (!next) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? [];
      this.#waiting.set(id, [...waiting, resolve]);
    });
  }

  #tellWaiting(id: string, ended: Promise<void>): void {
    for (const tell of this.#waiting.get(id) ?? []) tell(ended);
    this.#waiting.delete(id);
  }

  /** How a process ended whose monitor is gone. */
  async #collectExit(id: string): Promise<Exit> {
    const { exit, run } = this.#paths(id);
    const oomKilled = this.#cgroups.oomKilled(id);
    if (!existsSync(exit)) {
      // The monitor died before its process, and the pipes of the process with it; or the machine did.
      await this.#kill(id);
      writeFileSync(exit, String(existsSync(run) ? KILLED : UNKNOWN));
    }
    const { mtimeNs } = statSync(exit, { bigint: true });
    return { exitCode: Number(readFileSync(exit, 'utf8')), oomKilled, at: rfc3339(mtimeNs) };
  }

  /** Kills every process of the container, frozen ones too, until there is none. */
  async #kill(id: string): Promise<void> {
    for (let waited = 0; waited < DYING; waited += 10) {
      const pids = this.#cgroups.processes(id);
      if (pids.length === 0) return;
      for (const pid of pids) sendSignal(pid, SIGKILL);
      await this.#cgroups.thaw(id);
      await pause(10);
    }
    throw new RuntimeError(`processes of container ${id} do not end: ${(await this.processes(id)).join(', ')}`);
  }
}

const ETC_FILES: readonly EtcFile[] = ['hosts', 'hostname', 'resolv.conf'];

/** Docker gives 126 to every exec that cannot be. */
function execUser(root: string, user: string): OciConfig['process']['user'] {
  try {
    return containerUser(root, user, []);
  } catch (error) {
    throw error instanceof RuntimeError ? new RuntimeError(error.message, 126) : error;
  }
}
