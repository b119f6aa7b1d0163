/** The use cases that give a container its network and take it back. */
import { type ContainerRecord, isAlive } from '../container/container.ts';
import { EngineError } from '../network/error.ts';
import type { EndpointSettings } from '../network/endpoint.ts';
import type { NetworkRecord } from '../network/network.ts';
import { requestedPorts } from '../network/port.ts';
import { checkEndpointSettings } from '../network/settings.ts';
import type { ListenerObject } from '../plan/object.ts';
import type { Allocator } from './allocator.ts';
import type { Announcer } from './announcer.ts';
import { ContainerFiles } from './container-files.ts';
import type { Context } from './context.ts';
import {
  addEndpoint,
  closeSandbox,
  configurationOnly,
  endpointsOf,
  networksOf,
  openSandbox,
  putPlace,
  settleGateway,
} from './endpoints.ts';
import type { ContainerView } from './engine.ts';
import { KernelError } from './kernel.ts';
import { linkingContainers, refuseDeadLinks, refuseForeignLinks, settleLinks } from './links.ts';
import { findContainer, findNetwork } from './lookup.ts';
import type { Draft, Records } from './records.ts';
import { SocketError } from './sockets.ts';
import { forgetUdpFlows } from './udp-flows.ts';

export class Connectivity {
  readonly #context: Context;
  readonly #allocator: Allocator;
  readonly #announcer: Announcer;
  readonly files: ContainerFiles;

  constructor(context: Context, allocator: Allocator, announcer: Announcer) {
    this.#context = context;
    this.#allocator = allocator;
    this.#announcer = announcer;
    this.files = new ContainerFiles(context);
  }

  /** Makes the container's sandbox with its endpoints, all or nothing. */
  async open(container: ContainerRecord): Promise<void> {
    const { clock } = this.#context;
    await this.#allocator.refreshPorts(container);
    const endpoints = await worded(container, () =>
      this.#change((draft) => {
        refuseForeignLinks(draft, container);
        openSandbox(draft, container, this.#allocator, clock);
        // As with dockerd, it is only now that others must run: the next ports of a range have been given out.
        refuseDeadLinks(draft, container);
        settleLinks(draft, () => this.#allocator.nextSequence());
        return endpointsOf(draft, container.id);
      }),
    );
    this.#announcer.begin(endpoints.map(({ endpoint }) => endpoint));
    for (const { network } of endpoints) this.tellNetwork('connect', network, container.id);
  }

  /**
   * Takes the container's sandbox away, in one change with what `also` does to the records. Its process
   * has ended, so what the kernel keeps of it is left to the next repair.
   */
  async close(containerId: string, also?: (draft: Draft) => void): Promise<void> {
    const { ledger, transactions, log } = this.#context;
    const networks = endpointsOf(ledger, containerId).map(({ network }) => network);
    const { steps, refusal } = await transactions.insist((draft) => {
      closeSandbox(draft, containerId);
      settleLinks(draft, () => this.#allocator.nextSequence());
      also?.(draft);
    });
    if (refusal) log.warn(`container ${containerId}: its network is taken away later: ${refusal.message}`);
    await forgetUdpFlows(this.#context, steps);
    for (const network of networks) this.tellNetwork('disconnect', network, containerId);
  }

  /** A container that does not run may have a place on a network that is to be made until it starts. */
  async connect(ref: string, containerId: string, settings: EndpointSettings): Promise<void> {
    const { clock } = this.#context;
    const asked = findContainer(this.#context.ledger, containerId);
    await this.#allocator.refreshPorts(asked);
    const decide = (draft: Draft) => {
      const container = findContainer(draft, containerId);
      const network = isAlive(container) ? findNetwork(draft, ref) : findNetwork(draft, ref, 'optional');
      refuseRemoved(container);
      if (!network) {
        const networks = { ...container.networks, [ref]: { ...settings, networkId: '' } };
        draft.container.put({ ...container, networks });
        return undefined;
      }
      const place = checkEndpointSettings(network, settings);
      refuseConnect(draft, network, container);
      if (!isAlive(container) && networksOf(draft, container).includes(network)) return undefined;
      const record = putPlace(draft, container, network, place);
      if (!isAlive(container)) return undefined;
      const sandbox = draft.sandbox.where('container', containerId)[0]!;
      const endpoint = addEndpoint(draft, record, sandbox.id, network, place, this.#allocator, clock);
      return { network, endpoint };
    };
    const made = await worded(asked, () => this.#change(decide));
    if (!made) return;
    this.#announcer.begin([made.endpoint]);
    await this.files.update(containerId);
    this.tellNetwork('connect', made.network, containerId);
  }

  async disconnect(ref: string, containerId: string, { force }: { readonly force: boolean }): Promise<void> {
    const before = findContainer(this.#context.ledger, containerId);
    await this.#allocator.refreshPorts(before);
    const decide = (draft: Draft) => {
      const container = findContainer(draft, containerId);
      refuseRemoved(container);
      const running = isAlive(container);
      const network = running && !force ? findNetwork(draft, ref) : findNetwork(draft, ref, 'optional');
      const name = network?.name ?? ref;
      if (running && network?.driver === 'host' && container.hostConfig.NetworkMode === 'host') {
        throw new EngineError(
          'invalid',
          'container cannot be disconnected from host network or connected to host network',
        );
      }
      const { [name]: place, ...others } = container.networks;
      const endpoint = draft.endpoint.where('container', containerId).find((row) => row.networkId === network?.id);
      if (!place || (running && network && !endpoint)) {
        // Docker says it in two ways.
        const where = running && network ? `network ${name}` : `the network ${name}`;
        throw new EngineError('internal', `container ${container.id} is not connected to ${where}`);
      }
      const record = { ...container, networks: others };
      draft.container.put(record);
      if (endpoint) {
        draft.endpoint.delete(endpoint.id);
        settleGateway(draft, record, endpoint.sandboxId, this.#allocator);
      }
      return network;
    };
    const left = await worded(before, () => this.#change(decide));
    if (isAlive(before)) await this.files.update(containerId);
    if (left) this.tellNetwork('disconnect', left, containerId);
  }

  endpointsOf(containerId: string): ContainerView['endpoints'] {
    return endpointsOf(this.#context.ledger, containerId);
  }

  /** Tells the containers that are linked to one which has a new address. */
  async tellLinking(container: ContainerRecord): Promise<void> {
    for (const { id } of linkingContainers(this.#context.ledger, container)) await this.files.update(id);
  }

  async #change<T>(decide: (draft: Draft) => T): Promise<T> {
    const { value, steps } = await this.#context.transactions.change(decide);
    await forgetUdpFlows(this.#context, steps);
    return value;
  }

  tellNetwork(action: string, network: NetworkRecord, container?: string): void {
    const { events, clock } = this.#context;
    events.publish({
      type: 'network',
      action,
      id: network.id,
      attributes: { ...(container ? { container } : {}), name: network.name, type: network.driver },
      time: clock.now(),
    });
  }
}

function refuseRemoved({ id, state }: ContainerRecord): void {
  if (state.status !== 'removing' && state.status !== 'dead') return;
  throw new EngineError(
    'conflict',
    `Container ${id} is marked for removal and cannot be connected or disconnected to the network`,
  );
}

function refuseConnect(records: Records, network: NetworkRecord, container: ContainerRecord): void {
  const mode = container.hostConfig.NetworkMode;
  if (network.configOnly && isAlive(container)) throw configurationOnly();
  if (network.driver === 'host' && mode !== 'host') {
    throw new EngineError('invalid', 'container cannot be disconnected from host network or connected to host network');
  }
  // What one that does not run is given besides has no effect, and Docker takes it.
  const isShared = isAlive(container) && mode.startsWith('container:');
  if (isShared || (mode === 'host' && network.driver !== 'host')) {
    throw new EngineError(
      'invalid',
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  }
  const others = networksOf(records, container).filter(({ id }) => id !== network.id);
  if (others.length > 0 && [network, ...others].some(({ name }) => name === 'none')) {
    throw new EngineError(
      'invalid',
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    );
  }
  if (isAlive(container) && container.networks[network.name]) {
    throw new EngineError(
      'forbidden',
      `endpoint with name ${container.name} already exists in network ${network.name}`,
    );
  }
}

/** How often another ephemeral port is tried when somebody on the host has the chosen one. */
const PORT_ATTEMPTS = 10;

/** Runs a change and words what a port could not do as Docker's clients know it. */
async function worded<T>(container: ContainerRecord, run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (error instanceof SocketError && error.step.object.kind === 'listener') {
        // Each allocation begins behind the last one, so another run takes another port.
        if (attempt < PORT_ATTEMPTS && error.code === 'EADDRINUSE' && isChosen(container, error.step.object)) continue;
        throw new EngineError('internal', portRefused(container, error.step.object, error), { cause: error });
      }
      if (error instanceof KernelError) {
        throw new EngineError('internal', `container ${container.name}: ${error.message}`, { cause: error });
      }
      throw error;
    }
  }
}

/** Whether the port was chosen among several, and not asked for. */
function isChosen({ config, hostConfig }: ContainerRecord, { port, protocol }: ListenerObject): boolean {
  const requested = requestedPorts(
    config.ExposedPorts ?? {},
    hostConfig.PortBindings ?? {},
    hostConfig.PublishAllPorts,
  );
  return !requested.some((request) => request.protocol === protocol && request.from === port && request.to === port);
}

function portRefused(
  container: ContainerRecord,
  listener: ListenerObject & { owner: { id: string } },
  error: SocketError,
): string {
  const { address, port, protocol } = listener;
  // Docker's clients know the C library's words with a small letter.
  const why = error.reason.replace(/^./, (letter) => letter.toLowerCase());
  return (
    `driver failed programming external connectivity on endpoint ${container.name} (${listener.owner.id}): ` +
    `failed to bind host port ${address.includes(':') ? `[${address}]` : address}:${port}/${protocol}: ${why}`
  );
}
