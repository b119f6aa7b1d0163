/** A container's process: started, ended, started again. */
import { type ContainerRecord, type ContainerState, isAlive } from '../container/container.ts';
import { withHealth } from '../container/health.ts';
import { restartDelay, wantsRestart } from '../container/restart.ts';
import { parseSignal } from '../container/signal.ts';
import { EngineError, type ErrorCode } from '../network/error.ts';
import type { Connectivity } from './connectivity.ts';
import type { Context } from './context.ts';
import { withLinkVariables } from './links.ts';
import { findContainer } from './lookup.ts';
import { KeyedMutex } from './mutex.ts';
import type { Draft } from './records.ts';
import { RuntimeError, type Exit, type StartSpec } from './runtime.ts';
import { Waiters } from './waiters.ts';

const STOP_SECONDS = 10;
const SIGKILL = 9;

export class Lifecycle {
  readonly waiters = new Waiters();
  /** One operation at a time for each container. */
  readonly locks = new KeyedMutex();
  readonly #context: Context;
  readonly #connectivity: Connectivity;
  /** Called after a container that removes itself has ended. */
  readonly #remove: (container: ContainerRecord) => Promise<void>;
  readonly #restarts = new Map<string, { cancel(): void }>();
  readonly #delays = new Map<string, number>();
  /** Containers whose user restarts them: their end is not for good. */
  readonly #kept = new Set<string>();
  #closed = false;

  constructor(context: Context, connectivity: Connectivity, remove: (container: ContainerRecord) => Promise<void>) {
    this.#context = context;
    this.#connectivity = connectivity;
    this.#remove = remove;
  }

  async start(ref: string): Promise<void> {
    const { id } = findContainer(this.#context.ledger, ref);
    try {
      await this.#start(id);
    } catch (error) {
      const container = this.#context.ledger.container.get(id);
      const hasFailed = container && !isAlive(container) && container.state.error !== '';
      if (hasFailed && container.hostConfig.AutoRemove) await this.#remove(container);
      throw error;
    }
  }

  #start(id: string): Promise<void> {
    return this.locks.run(id, async () => {
      const container = findContainer(this.#context.ledger, id);
      switch (container.state.status) {
        case 'running':
          throw new EngineError('not-modified', `container ${id} is already running`);
        case 'paused':
          throw new EngineError('conflict', 'cannot start a paused container, try unpause instead');
        case 'removing':
        case 'dead':
          throw new EngineError('conflict', 'container is marked for removal and cannot be started');
        default:
          this.#cancelRestart(id);
          return this.#launch(container);
      }
    });
  }

  /** Ends the process: `signal` first, SIGKILL after `seconds`. */
  async stop(ref: string, options: { seconds?: number | undefined; signal?: string | undefined } = {}): Promise<void> {
    const { id } = findContainer(this.#context.ledger, ref);
    // A start that is under way comes to its end first.
    if (await this.locks.run(id, () => this.#stopRestarting(id))) return;
    const container = findContainer(this.#context.ledger, id);
    if (!isAlive(container)) throw new EngineError('not-modified', `container ${container.id} is not running`);
    const signal = parseSignal(options.signal || container.config.StopSignal || 'TERM');
    const seconds = options.seconds ?? container.config.StopTimeout ?? STOP_SECONDS;
    // Before anything is awaited: it may end by itself meanwhile.
    const gone = this.waiters.wait(container.id, 'not-running');
    await this.#setState(container.id, { stoppedByUser: true });
    const hasEnded = unless('conflict');
    await this.#signal(container, signal).catch(hasEnded);
    await this.#thaw(container.id, () => this.tell(container, 'unpause'));
    if (!(await this.#within(seconds, gone))) await this.#signal(container, SIGKILL).catch(hasEnded);
    await gone;
    this.tell(container, 'stop');
  }

  /** Ends the waiting for a restart; gives whether there was one. */
  async #stopRestarting(id: string): Promise<boolean> {
    if (findContainer(this.#context.ledger, id).state.status !== 'restarting') return false;
    this.#cancelRestart(id);
    const { state } = await this.#setState(id, { status: 'exited', stoppedByUser: true });
    this.waiters.exited(id, { exitCode: state.exitCode, oomKilled: state.oomKilled, at: state.finishedAt });
    return true;
  }

  /** Resolves once the container's process runs. */
  async running(id: string): Promise<void> {
    const container = this.#context.ledger.container.get(id);
    if (container && !isAlive(container)) await this.waiters.start(id);
  }

  async kill(ref: string, signal: string): Promise<void> {
    const number = parseSignal(signal || 'KILL');
    const container = this.#alive(ref);
    const fatal = number === SIGKILL || number === parseSignal(container.config.StopSignal || 'TERM');
    const gone = number === SIGKILL ? this.waiters.wait(container.id, 'not-running') : undefined;
    if (fatal) await this.#setState(container.id, { stoppedByUser: true });
    await this.#signal(container, number);
    // Docker does not tell of this thawing.
    if (number === SIGKILL) await this.#thaw(container.id);
    await gone;
  }

  /** The container to be killed. */
  #alive(ref: string): ContainerRecord {
    const refused = (code: ErrorCode, why: string): EngineError =>
      new EngineError(code, `Cannot kill container: ${ref}: ${why}`);
    let container: ContainerRecord;
    try {
      container = findContainer(this.#context.ledger, ref);
    } catch (error) {
      throw error instanceof EngineError ? refused(error.code, error.message) : error;
    }
    if (!isAlive(container)) throw refused('conflict', `Container ${container.id} is not running`);
    return container;
  }

  async restart(
    ref: string,
    options: { seconds?: number | undefined; signal?: string | undefined } = {},
  ): Promise<void> {
    const container = findContainer(this.#context.ledger, ref);
    // Somebody else may stop or start it meanwhile.
    const isSo = unless('not-modified');
    if (isAlive(container)) {
      this.#kept.add(container.id);
      await this.stop(container.id, options)
        .catch(isSo)
        .finally(() => this.#kept.delete(container.id));
    }
    await this.start(container.id)
      .catch(isSo)
      .catch((error: unknown) => {
        throw error instanceof EngineError
          ? new EngineError(error.code, `Cannot restart container ${ref}: ${error.message}`, { cause: error })
          : error;
      });
    this.tell(container, 'restart');
  }

  async pause(ref: string): Promise<void> {
    const container = findContainer(this.#context.ledger, ref);
    if (container.state.status === 'paused')
      throw new EngineError('conflict', `Container ${container.id} is already paused`);
    if (container.state.status !== 'running')
      throw new EngineError('conflict', `Container ${container.id} is not running`);
    await this.locks.run(container.id, async () => {
      await this.#context.runtime.pause(container.id);
      await this.#setState(container.id, { status: 'paused' });
    });
    this.tell(container, 'pause');
  }

  async unpause(ref: string): Promise<void> {
    const container = findContainer(this.#context.ledger, ref);
    if (container.state.status !== 'paused')
      throw new EngineError('conflict', `Container ${container.id} is not paused`);
    await this.locks.run(container.id, async () => {
      await this.#context.runtime.unpause(container.id);
      await this.#setState(container.id, { status: 'running' });
    });
    this.tell(container, 'unpause');
  }

  /** Follows the process of a container that runs already: at the engine's start. */
  watch(id: string): void {
    void this.#context.runtime
      .exited(id)
      .then((exit) => (this.#closed ? undefined : this.#ended(id, exit)))
      .catch((error: unknown) =>
        this.#context.log.warn(`container ${id}: its end could not be handled: ${String(error)}`),
      );
  }

  /** Forgets timers; what the processes do is seen again at the next start. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#restarts.values()) timer.cancel();
  }

  tell(container: ContainerRecord, action: string, more: Record<string, string> = {}): void {
    const { events, clock } = this.#context;
    events.publish({
      type: 'container',
      action,
      id: container.id,
      attributes: { ...container.config.Labels, image: container.config.Image, name: container.name, ...more },
      time: clock.now(),
    });
  }

  async #launch(container: ContainerRecord): Promise<void> {
    const { runtime } = this.#context;
    try {
      await this.#connectivity.open(container);
      await this.#connectivity.files.write(container.id);
      const pid = await runtime.create(this.#startSpec(await this.#named(container)));
      await runtime.start(container.id);
      await this.#setState(container.id, {
        status: 'running',
        pid,
        exitCode: 0,
        error: '',
        startedAt: this.#context.clock.now(),
        stoppedByUser: false,
        oomKilled: false,
      });
    } catch (error) {
      await this.#takeBack(container, error);
      throw error instanceof RuntimeError ? new EngineError('invalid', error.message, { cause: error }) : error;
    }
    await this.#connectivity.tellLinking(container);
    this.tell(container, 'start');
    this.waiters.started(container.id);
    this.watch(container.id);
  }

  /** Who shares another's network takes over its hostname. */
  async #named(container: ContainerRecord): Promise<ContainerRecord> {
    const mode = container.hostConfig.NetworkMode;
    if (!mode.startsWith('container:')) return container;
    const holder = findContainer(this.#context.ledger, mode.slice('container:'.length));
    // There is nothing to share then, and the start is refused.
    if (!isAlive(holder)) return container;
    const { Hostname, Domainname } = holder.config;
    return this.#update(container.id, (record) => ({ ...record, config: { ...record.config, Hostname, Domainname } }));
  }

  async #takeBack(container: ContainerRecord, error: unknown): Promise<void> {
    const { runtime, log } = this.#context;
    const attempt = (task: Promise<unknown>): Promise<unknown> =>
      task.catch((failure: unknown) =>
        log.warn(`container ${container.id}: clearing up a failed start: ${String(failure)}`),
      );
    await attempt(runtime.clean(container.id));
    await attempt(this.#connectivity.close(container.id));
    await attempt(
      this.#setState(container.id, {
        status: container.state.status === 'created' ? 'created' : 'exited',
        pid: 0,
        exitCode: error instanceof RuntimeError ? error.exitCode : container.state.exitCode || 128,
        error: error instanceof Error ? error.message : String(error),
      }),
    );
  }

  #startSpec(container: ContainerRecord): StartSpec {
    const { kernel, ledger } = this.#context;
    const join = (mode: string): { pid: number } | undefined => {
      if (!mode.startsWith('container:')) return undefined;
      const other = findContainer(ledger, mode.slice('container:'.length));
      if (other.state.status !== 'running') {
        throw new EngineError('conflict', `cannot join the namespaces of a non running container: ${other.id}`);
      }
      return { pid: other.state.pid };
    };
    const { NetworkMode, PidMode, IpcMode } = container.hostConfig;
    const isGuest = NetworkMode.startsWith('container:');
    const asked = NetworkMode.slice('container:'.length);
    const holder = isGuest ? findContainer(ledger, asked) : container;
    if (isGuest && holder.id === container.id) throw new EngineError('internal', 'cannot join own network');
    const sandbox = ledger.sandbox.where('container', holder.id)[0];
    if (!sandbox) throw new EngineError('conflict', `cannot join network of a non running container: ${asked}`);
    const pid = join(PidMode);
    const ipc = join(IpcMode);
    return {
      container: withLinkVariables(ledger, container),
      networkNamespace: sandbox.host ? null : kernel.namespacePath(sandbox.id),
      ...(isGuest ? { etcOf: holder.id } : {}),
      ...(pid ? { joinPid: pid.pid } : {}),
      ...(ipc ? { joinIpc: ipc.pid } : {}),
    };
  }

  async #ended(id: string, exit: Exit): Promise<void> {
    const container = await this.locks
      .run(id, () => this.#settle(id, exit))
      .catch((error: unknown) => {
        // Its process is no more, and nobody is to wait for it.
        this.waiters.exited(id, exit);
        throw error;
      });
    if (!container) return;
    const isKept = this.#kept.has(id);
    this.waiters.exited(id, exit);
    if (container.state.status === 'restarting') this.#scheduleRestart(container);
    else if (container.hostConfig.AutoRemove && !isKept) await this.#remove(container);
  }

  /** Records the end of the process and gives its network back. */
  async #settle(id: string, exit: Exit): Promise<ContainerRecord | undefined> {
    const { ledger, runtime, log } = this.#context;
    const container = ledger.container.get(id);
    if (!container || !isAlive(container)) return undefined;
    this.tell(container, 'die', { exitCode: String(exit.exitCode) });
    await runtime
      .clean(id)
      .catch((error: unknown) => log.warn(`container ${id}: clearing up after its end: ${String(error)}`));
    const { exitCode, oomKilled, at: finishedAt } = exit;
    await this.#connectivity.close(id, (draft) =>
      put(draft, id, (record) => {
        // Asked now: it may have been stopped by its user a moment ago.
        const { hostConfig, restartCount, state } = record;
        const again = wantsRestart(hostConfig.RestartPolicy, { ...state, exitCode, restartCount });
        const status = again ? 'restarting' : 'exited';
        return { ...record, state: { ...state, status, pid: 0, exitCode, oomKilled, finishedAt } };
      }),
    );
    return ledger.container.get(id);
  }

  #scheduleRestart(container: ContainerRecord): void {
    const { clock, log } = this.#context;
    const ran = Date.parse(container.state.finishedAt) - Date.parse(container.state.startedAt);
    const delay = restartDelay(this.#delays.get(container.id) ?? 0, ran);
    this.#delays.set(container.id, delay);
    const timer = clock.after(delay, () => {
      this.#restarts.delete(container.id);
      this.#relaunch(container.id).catch((error: unknown) =>
        log.warn(`container ${container.id} could not be restarted: ${String(error)}`),
      );
    });
    this.#restarts.set(container.id, timer);
  }

  async #relaunch(id: string): Promise<void> {
    await this.locks.run(id, async () => {
      const container = this.#context.ledger.container.get(id);
      if (container?.state.status !== 'restarting') return;
      const counted = await this.#update(id, (record) => ({ ...record, restartCount: record.restartCount + 1 }));
      await this.#launch(counted);
    });
  }

  #cancelRestart(id: string): void {
    this.#restarts.get(id)?.cancel();
    this.#restarts.delete(id);
    this.#delays.delete(id);
  }

  async #signal(container: ContainerRecord, signal: number): Promise<void> {
    try {
      await this.#context.runtime.signal(container.id, signal);
    } catch (error) {
      // Its process may have ended by itself, and its end be under way.
      const now = await this.locks.run(container.id, async () => this.#context.ledger.container.get(container.id));
      if (now && isAlive(now)) throw error;
      throw new EngineError('conflict', `Container ${container.id} is not running`, { cause: error });
    }
    this.tell(container, 'kill', { signal: String(signal) });
  }

  /** Lets a paused process take note of the signal that is to end it; `then` only if it was paused. */
  async #thaw(id: string, then?: () => void): Promise<void> {
    const { ledger, runtime } = this.#context;
    await this.locks.run(id, async () => {
      if (ledger.container.get(id)?.state.status !== 'paused') return;
      await runtime.unpause(id);
      await this.#setState(id, { status: 'running' });
      then?.();
    });
  }

  /** Whether `gone` came within that time; -1 waits for ever. */
  async #within(seconds: number, gone: Promise<unknown>): Promise<boolean> {
    if (seconds < 0) {
      await gone;
      return true;
    }
    return new Promise((resolve) => {
      const timer = this.#context.clock.after(seconds * 1000, () => resolve(false));
      void gone.then(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }

  #setState(id: string, state: Partial<ContainerState>): Promise<ContainerRecord> {
    return this.#update(id, (record) => ({ ...record, state: { ...record.state, ...state } }));
  }

  async #update(id: string, next: (record: ContainerRecord) => ContainerRecord): Promise<ContainerRecord> {
    return (await this.#context.transactions.change((draft) => put(draft, id, next))).value;
  }
}

function put(draft: Draft, id: string, next: (record: ContainerRecord) => ContainerRecord): ContainerRecord {
  const before = findContainer(draft, id);
  const record = withHealth(before, next(before));
  draft.container.put(record);
  return record;
}

/** Swallows refusals of one kind. */
function unless(code: ErrorCode): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof EngineError && error.code === code)) throw error;
  };
}
