/** The use cases of networks. */
import { type ContainerRecord, isAlive } from '../container/container.ts';
import { EngineError } from '../network/error.ts';
import type { EndpointSettings } from '../network/endpoint.ts';
import type { NetworkRecord } from '../network/network.ts';
import { isPredefined } from '../network/resolve.ts';
import type { Allocator } from './allocator.ts';
import type { Connectivity } from './connectivity.ts';
import type { Context } from './context.ts';
import type { NetworkRequest, Networks, NetworkView, PruneFilter } from './engine.ts';
import type { KeyedMutex } from './mutex.ts';
import { findContainer, findNetwork } from './lookup.ts';
import { matchesPrune, pruned } from './prune.ts';
import type { Records } from './records.ts';

export class NetworkUseCases implements Networks {
  readonly #context: Context;
  readonly #connectivity: Connectivity;
  readonly #allocator: Allocator;
  readonly #containerLocks: KeyedMutex;

  constructor(context: Context, connectivity: Connectivity, allocator: Allocator, containerLocks: KeyedMutex) {
    this.#context = context;
    this.#connectivity = connectivity;
    this.#allocator = allocator;
    this.#containerLocks = containerLocks;
  }

  list(): readonly NetworkView[] {
    return [...this.#context.ledger.network.values()].map((network) => this.#view(network));
  }

  get(ref: string): NetworkView {
    return this.#view(findNetwork(this.#context.ledger, ref));
  }

  async create(request: NetworkRequest): Promise<{ id: string; warning: string }> {
    await this.#allocator.refreshPools();
    const { value: network } = await this.#context.transactions.change((draft) => {
      const network = this.#allocator.network(draft, request);
      draft.network.put(network);
      return network;
    });
    this.#connectivity.tellNetwork('create', network);
    return { id: network.id, warning: '' };
  }

  async remove(ref: string): Promise<void> {
    const { transactions } = this.#context;
    const { value: removed } = await transactions.change((draft) => {
      const network = findNetwork(draft, ref);
      if (isPredefined(network.name)) {
        throw new EngineError('forbidden', `${network.name} is a pre-defined network and cannot be removed`);
      }
      refuseInUse(draft, network);
      draft.network.delete(network.id);
      return network;
    });
    // Docker tells of a template's coming, and not of its going.
    if (!removed.configOnly) this.#connectivity.tellNetwork('destroy', removed);
  }

  async connect(ref: string, containerRef: string, settings: EndpointSettings): Promise<void> {
    const { ledger } = this.#context;
    const { id } = findContainer(ledger, containerRef);
    return this.#containerLocks.run(id, () => this.#connectivity.connect(ref, id, settings));
  }

  async disconnect(
    ref: string,
    containerRef: string,
    { force = false }: { readonly force?: boolean } = {},
  ): Promise<void> {
    const { ledger } = this.#context;
    const { id } = force ? memberOf(ledger, ref, containerRef) : findContainer(ledger, containerRef);
    return this.#containerLocks.run(id, () => this.#connectivity.disconnect(ref, id, { force }));
  }

  async prune(filter: PruneFilter): Promise<readonly string[]> {
    const removed: string[] = [];
    for (const network of this.unused(filter)) {
      await this.remove(network.id);
      removed.push(network.name);
    }
    this.#context.events.publish(pruned('network', this.#context.clock.now()));
    return removed;
  }

  /** The networks that a prune takes. One that is a template for others is not there to be used itself. */
  unused(filter: PruneFilter): readonly NetworkRecord[] {
    const { network, endpoint } = this.#context.ledger;
    return [...network.values()].filter(
      (its) =>
        !isPredefined(its.name) &&
        !its.configOnly &&
        endpoint.where('network', its.id).length === 0 &&
        matchesPrune(filter, its),
    );
  }

  #view(network: NetworkRecord): NetworkView {
    const { ledger } = this.#context;
    const endpoints = ledger.endpoint.where('network', network.id).flatMap((endpoint) => {
      const container = ledger.container.get(endpoint.containerId);
      return container && isAlive(container) ? [{ endpoint, containerName: container.name }] : [];
    });
    return { network, endpoints };
  }
}

/** The container; of one that is lost the network is asked first. */
function memberOf(records: Records, ref: string, containerRef: string): ContainerRecord {
  try {
    return findContainer(records, containerRef);
  } catch (error) {
    if (!(error instanceof EngineError && error.code === 'not-found')) throw error;
    findNetwork(records, ref);
    throw new EngineError('not-found', `endpoint ${containerRef} not found`);
  }
}

function refuseInUse(records: Records, network: NetworkRecord): void {
  const isTemplate =
    network.configOnly && [...records.network.values()].some(({ configFrom }) => configFrom === network.name);
  if (isTemplate) {
    throw new EngineError(
      'forbidden',
      `error while removing network: configuration network "${network.name}" is in use`,
    );
  }
  if (records.endpoint.where('network', network.id).length === 0) return;
  throw new EngineError(
    'forbidden',
    `error while removing network: network ${network.name} id ${network.id} has active endpoints`,
  );
}
