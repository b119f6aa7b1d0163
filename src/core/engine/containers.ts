/** The use cases of containers. */
import { type ContainerRecord, type ContainerStatus, isAlive } from '../container/container.ts';
import { renameLinks } from '../container/links.ts';
import type { HostConfig } from '../container/config.ts';
import { EngineError } from '../network/error.ts';
import { checkContainerName } from '../network/name.ts';
import type { Connectivity } from './connectivity.ts';
import type { Context } from './context.ts';
import { createContainer, refuseTakenName } from './creation.ts';
import type { Attachment, ContainerRequest, Containers, ContainerView, PruneFilter } from './engine.ts';
import { Execs } from './execs.ts';
import { HealthChecks } from './health.ts';
import { Lifecycle } from './lifecycle.ts';
import { linkNames } from './links.ts';
import { findContainer } from './lookup.ts';
import { matchesPrune, pruned } from './prune.ts';
import type { ExecSpec, Exit, Input, LogQuery, OutputChunk } from './runtime.ts';
import type { Intent } from './transaction.ts';
import type { WaitCondition } from './waiters.ts';

export class ContainerUseCases implements Containers {
  readonly lifecycle: Lifecycle;
  readonly healthChecks: HealthChecks;
  readonly #context: Context;
  readonly #connectivity: Connectivity;
  readonly #execs: Execs;

  constructor(context: Context, connectivity: Connectivity) {
    this.#context = context;
    this.#connectivity = connectivity;
    this.#execs = new Execs(context);
    this.lifecycle = new Lifecycle(context, connectivity, (container) => this.#discard(container, true));
    this.healthChecks = new HealthChecks(context, this.#execs, (container, action) =>
      this.lifecycle.tell(container, action),
    );
  }

  list(): readonly ContainerView[] {
    const names = linkNames(this.#context.ledger);
    return [...this.#context.ledger.container.values()].map((container) => this.#view(container, names));
  }

  get(ref: string): ContainerView {
    return this.#view(findContainer(this.#context.ledger, ref));
  }

  async create(request: ContainerRequest): Promise<{ id: string; warnings: readonly string[] }> {
    const { runtime, store, transactions } = this.#context;
    const { record, warnings } = await createContainer(this.#context, request);
    const intent = await store.begin({ objects: [], container: record.id } satisfies Intent);
    try {
      await runtime.prepare(record);
      await transactions.change((draft) => {
        refuseTakenName(draft.container, record.name);
        draft.container.put(record);
      });
    } catch (error) {
      await runtime.remove(record.id);
      throw error;
    } finally {
      await store.abort(intent);
    }
    this.lifecycle.tell(record, 'create');
    return { id: record.id, warnings };
  }

  start(ref: string): Promise<void> {
    return this.lifecycle.start(ref);
  }

  stop(ref: string, options?: Parameters<Containers['stop']>[1]): Promise<void> {
    return this.lifecycle.stop(ref, options);
  }

  kill(ref: string, signal: string): Promise<void> {
    return this.lifecycle.kill(ref, signal);
  }

  restart(ref: string, options?: Parameters<Containers['restart']>[1]): Promise<void> {
    return this.lifecycle.restart(ref, options);
  }

  pause(ref: string): Promise<void> {
    return this.lifecycle.pause(ref);
  }

  unpause(ref: string): Promise<void> {
    return this.lifecycle.unpause(ref);
  }

  async wait(ref: string, condition: WaitCondition): Promise<Exit> {
    const container = findContainer(this.#context.ledger, ref);
    if (condition === 'not-running' && !isAlive(container) && container.state.status !== 'restarting') {
      const { exitCode, oomKilled, finishedAt } = container.state;
      return { exitCode, oomKilled, at: finishedAt };
    }
    return this.lifecycle.waiters.wait(container.id, condition);
  }

  async remove(ref: string, options: { readonly force: boolean; readonly volumes: boolean }): Promise<void> {
    const container = findContainer(this.#context.ledger, ref);
    if (container.state.status === 'paused' && !options.force) {
      throw new EngineError(
        'conflict',
        `You cannot remove a paused container ${container.id}. Unpause and then stop the container before attempting removal or force remove`,
      );
    }
    if (isAlive(container)) {
      if (!options.force) {
        throw stillRunning(container.id);
      }
      await this.lifecycle.kill(container.id, 'KILL').catch((error: unknown) => {
        // It ended by itself in the meantime: that was wanted.
        if (!(error instanceof EngineError && error.code === 'conflict')) throw error;
      });
    } else if (container.state.status === 'restarting') {
      if (!options.force) {
        throw new EngineError(
          'conflict',
          `You cannot remove a restarting container ${container.id}. Stop the container before attempting removal or force remove`,
        );
      }
      await this.lifecycle.stop(container.id);
    }
    await this.#discard(container, options.volumes);
  }

  async rename(ref: string, name: string): Promise<void> {
    const { ledger, transactions } = this.#context;
    const next = name.replace(/^\//, '');
    if (!next) throw new EngineError('invalid', 'Neither old nor new names may be empty');
    const container = findContainer(ledger, ref);
    await transactions.change((draft) => {
      const current = findContainer(draft, container.id);
      if (current.name === next) {
        throw new EngineError('invalid', 'Renaming a container with the same name as its current name');
      }
      try {
        checkContainerName(`/${next}`);
        refuseTakenName(draft.container, next);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        throw new EngineError(error.code, `Error when allocating new name: ${error.message}`);
      }
      draft.container.put({ ...current, name: next });
      for (const other of draft.container.values()) {
        const Links = renameLinks(other.hostConfig.Links, current.name, next);
        if (Links?.some((link, index) => link !== other.hostConfig.Links?.[index])) {
          draft.container.put({ ...other, hostConfig: { ...other.hostConfig, Links } });
        }
      }
    });
    this.lifecycle.tell(findContainer(ledger, container.id), 'rename', { oldName: `/${container.name}` });
  }

  async update(ref: string, changes: Partial<HostConfig>): Promise<void> {
    const { ledger, transactions, runtime } = this.#context;
    const container = findContainer(ledger, ref);
    const { value } = await transactions.change((draft) => {
      const current = findContainer(draft, container.id);
      if (changes.RestartPolicy?.Name && current.hostConfig.AutoRemove) {
        throw new EngineError(
          'conflict',
          'Restart policy cannot be updated because AutoRemove is enabled for the container',
        );
      }
      const next = { ...current, hostConfig: { ...current.hostConfig, ...changes } as HostConfig };
      draft.container.put(next);
      return next;
    });
    if (isAlive(value)) await runtime.update(value);
    this.lifecycle.tell(value, 'update');
  }

  async resize(ref: string, columns: number, rows: number): Promise<void> {
    const container = this.#running(ref);
    await this.#context.runtime.resize(container.id, columns, rows);
    this.lifecycle.tell(container, 'resize', { height: String(rows), width: String(columns) });
  }

  async attach(ref: string, options: Parameters<Containers['attach']>[1]): Promise<Attachment> {
    const { runtime } = this.#context;
    const container = findContainer(this.#context.ledger, ref);
    if (container.state.status === 'paused') {
      throw new EngineError('conflict', `container ${container.id} is paused, unpause the container before attach`);
    }
    const output = runtime.logs(container.id, {
      stdout: options.stdout,
      stderr: options.stderr,
      follow: options.stream,
      fromNow: !options.logs,
    });
    const wantsInput = options.stdin && options.stream && container.config.OpenStdin;
    this.lifecycle.tell(container, 'attach');
    return {
      output,
      input: wantsInput ? this.#input(container) : undefined,
      tty: container.config.Tty,
    };
  }

  logs(ref: string, query: LogQuery): AsyncIterable<OutputChunk> {
    const container = findContainer(this.#context.ledger, ref);
    if (container.hostConfig.LogConfig.Type === 'none') {
      throw new EngineError('invalid', 'configured logging driver does not support reading');
    }
    // Output of a container that has ended does not grow.
    return this.#context.runtime.logs(container.id, { ...query, follow: query.follow && isAlive(container) });
  }

  async createExec(ref: string, request: Omit<ExecSpec, 'id' | 'containerId'>): Promise<string> {
    return this.#execs.create(ref, request);
  }

  startExec(id: string, options: { readonly tty: boolean }): ReturnType<Containers['startExec']> {
    return this.#execs.start(id, options);
  }

  getExec(id: string): ReturnType<Containers['getExec']> {
    return this.#execs.get(id);
  }

  getStartableExec(id: string): ReturnType<Containers['getStartableExec']> {
    return this.#execs.getStartable(id);
  }

  resizeExec(id: string, columns: number, rows: number): Promise<void> {
    return this.#execs.resize(id, columns, rows);
  }

  async processes(ref: string): Promise<readonly number[]> {
    return this.#context.runtime.processes(this.#running(ref).id);
  }

  async prune(filter: PruneFilter): Promise<readonly string[]> {
    const removed: string[] = [];
    const newestFirst = [...this.#context.ledger.container.values()].sort((a, b) => (a.created > b.created ? -1 : 1));
    for (const container of newestFirst) {
      if (isAlive(container) || container.state.status === 'restarting') continue;
      if (!matchesPrune(filter, { labels: container.config.Labels, created: container.created })) continue;
      await this.#discard(container, false);
      removed.push(container.id);
    }
    this.#context.events.publish(pruned('container', this.#context.clock.now()));
    return removed;
  }

  /** A container's input opens when its process runs: a client attaches before it starts it. */
  #input(container: ContainerRecord): Input {
    const { runtime } = this.#context;
    let opened: Promise<Input> | undefined;
    const open = (): Promise<Input> =>
      (opened ??= this.lifecycle
        .running(container.id)
        .then(() => runtime.input(container.id, { once: container.config.StdinOnce })));
    return {
      write: async (data) => (await open()).write(data),
      end: async () => (await open()).end(),
    };
  }

  /** Removes a container that does not run, with what belongs to it alone. */
  async #discard({ id }: ContainerRecord, volumes: boolean): Promise<void> {
    const { ledger, runtime, transactions } = this.#context;
    const container = await this.lifecycle.locks.run(id, async () => {
      const current = ledger.container.get(id);
      if (!current) return undefined;
      // Somebody may have started it meanwhile.
      if (isAlive(current)) throw stillRunning(id);
      const mark = (status: ContainerStatus): Promise<unknown> =>
        transactions.change((draft) => {
          const its = findContainer(draft, id);
          draft.container.put({ ...its, state: { ...its.state, status } });
        });
      // From here on nothing but its removal can become of it: the next start ends what this one began.
      await mark('removing');
      try {
        await runtime.remove(id);
      } catch (error) {
        await mark('dead');
        throw error;
      }
      await transactions.change((draft) => draft.container.delete(id));
      return current;
    });
    if (!container) return;
    if (volumes) await this.#removeAnonymousVolumes(container);
    this.#execs.forget(id);
    this.lifecycle.tell(container, 'destroy');
    const { exitCode, oomKilled, finishedAt } = container.state;
    this.lifecycle.waiters.removed(id, { exitCode, oomKilled, at: finishedAt });
  }

  async #removeAnonymousVolumes(container: ContainerRecord): Promise<void> {
    const { ledger, volumes } = this.#context;
    for (const { type, name } of container.mounts) {
      if (type !== 'volume') continue;
      const isShared = [...ledger.container.values()].some(({ mounts }) => mounts.some((mount) => mount.name === name));
      if (!isShared && (await volumes.get(name))?.anonymous) await volumes.remove(name);
    }
  }

  #running(ref: string): ContainerRecord {
    const container = findContainer(this.#context.ledger, ref);
    if (!isAlive(container)) throw new EngineError('conflict', `Container ${container.id} is not running`);
    return container;
  }

  #view(container: ContainerRecord, names = linkNames(this.#context.ledger)): ContainerView {
    const { ledger } = this.#context;
    return {
      container,
      sandbox: ledger.sandbox.where('container', container.id)[0],
      endpoints: this.#connectivity.endpointsOf(container.id),
      linkNames: names.get(container.id) ?? [],
      execIds: this.#execs.of(container.id),
      health: this.healthChecks.of(container),
    };
  }
}

const stillRunning = (id: string): EngineError =>
  new EngineError(
    'conflict',
    `You cannot remove a running container ${id}. Stop the container before attempting removal or force remove`,
  );
