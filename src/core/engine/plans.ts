/** Changes that begin or end processes, foreseen: which steps they would take, on drafts of the records. */
import { type ContainerRecord, isAlive } from '../container/container.ts';
import { parseSignal } from '../container/signal.ts';
import { EngineError } from '../network/error.ts';
import type { Step } from '../plan/step.ts';
import type { Allocator } from './allocator.ts';
import type { Context } from './context.ts';
import { createContainer } from './creation.ts';
import { closeSandbox, openSandbox } from './endpoints.ts';
import type { ContainerRequest, Plans, PruneFilter } from './engine.ts';
import { findContainer } from './lookup.ts';
import type { Maintenance } from './maintenance.ts';
import type { NetworkUseCases } from './networks.ts';
import type { Draft } from './records.ts';

const SIGKILL = 9;

export class PlansOfChanges implements Plans {
  readonly #context: Context;
  readonly #allocator: Allocator;
  readonly #networks: NetworkUseCases;
  readonly #maintenance: Maintenance;

  constructor(context: Context, allocator: Allocator, networks: NetworkUseCases, maintenance: Maintenance) {
    this.#context = context;
    this.#allocator = allocator;
    this.#networks = networks;
    this.#maintenance = maintenance;
  }

  async run(request: ContainerRequest): Promise<readonly Step[]> {
    // Volumes would be made, and no kernel object hangs on them.
    const create = async ({ name = '' }) => ({ ...IMAGINARY_VOLUME, name });
    const { record } = await createContainer({ ...this.#context, volumes: { create } }, request);
    await this.#allocator.refreshPorts();
    return this.#context.transactions.foresee((draft) => {
      draft.container.put(record);
      this.#open(draft, record);
    });
  }

  async stop(ref: string): Promise<readonly Step[]> {
    const container = findContainer(this.#context.ledger, ref);
    if (container.state.status === 'restarting') return [];
    if (!isAlive(container)) throw new EngineError('not-modified', `container ${container.id} is not running`);
    return this.#close(container);
  }

  async restart(ref: string): Promise<readonly Step[]> {
    const container = findContainer(this.#context.ledger, ref);
    await this.#allocator.refreshPorts();
    const end = (draft: Draft): void => void closeSandbox(draft, container.id);
    const begin = (draft: Draft): void => this.#open(draft, container);
    return this.#context.transactions.foresee(...(isAlive(container) ? [end, begin] : [begin]));
  }

  /** A signal that need not end the process is the process's own affair. */
  async kill(ref: string, signal: string): Promise<readonly Step[]> {
    const number = parseSignal(signal || 'KILL');
    const container = findContainer(this.#context.ledger, ref);
    if (!isAlive(container)) {
      throw new EngineError('conflict', `Cannot kill container: ${ref}: Container ${container.id} is not running`);
    }
    const isFatal = number === SIGKILL || number === parseSignal(container.config.StopSignal || 'TERM');
    return isFatal ? this.#close(container) : [];
  }

  async remove(ref: string, { force }: { readonly force: boolean }): Promise<readonly Step[]> {
    const container = findContainer(this.#context.ledger, ref);
    const { status } = container.state;
    if (!isAlive(container) && status !== 'restarting') return [];
    if (!force) {
      throw new EngineError(
        'conflict',
        `You cannot remove a ${status} container ${container.id}. Stop the container before attempting removal or force remove`,
      );
    }
    return this.#close(container);
  }

  async pruneNetworks(filter: PruneFilter): Promise<readonly Step[]> {
    const unused = this.#networks.unused(filter);
    return this.#context.transactions.foresee(
      ...unused.map(
        ({ id }) =>
          (draft: Draft) =>
            draft.network.delete(id),
      ),
    );
  }

  repair(): Promise<readonly Step[]> {
    return this.#maintenance.plan();
  }

  #open(draft: Draft, container: ContainerRecord): void {
    openSandbox(draft, container, this.#allocator, this.#context.clock);
  }

  #close({ id }: ContainerRecord): Promise<readonly Step[]> {
    return this.#context.transactions.foresee((draft) => void closeSandbox(draft, id));
  }
}

const IMAGINARY_VOLUME = {
  driver: 'local',
  mountpoint: '',
  created: '',
  labels: {},
  options: {},
  anonymous: false,
} as const;
