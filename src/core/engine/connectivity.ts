/** The use cases that give a container its network and take it back. */
import { type ContainerRecord, isAlive } from '../container/container.ts';
import { hostAddress } from '../address/prefix.ts';
import { EngineError } from '../network/error.ts';
import type { EndpointSettings } from '../network/endpoint.ts';
import type { NetworkRecord } from '../network/network.ts';
import { requestedPorts } from '../network/port.ts';
import { checkEndpointSettings } from '../network/settings.ts';
import { isPredefined } from '../network/resolve.ts';
import type { ListenerObject } from '../plan/object.ts';
import type { Allocator } from './allocator.ts';
import type { Announcer } from './announcer.ts';
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
import {
  hostsFile,
  insideResolvConf,
  outsideResolvConf,
  parseResolvConf,
  printResolvConf,
  RESOLVER_ADDRESS,
  updateHosts,
  type HostsEntry,
} from './etc.ts';
import { KernelError } from './kernel.ts';
import {
  linkAliases,
  linkedContainers,
  linkingContainers,
  refuseDeadLinks,
  refuseForeignLinks,
  settleLinks,
} from './links.ts';
import { findContainer, findNetwork } from './lookup.ts';
import type { Draft, Records } from './records.ts';
import { SocketError } from './sockets.ts';
import { forgetUdpFlows } from './udp-flows.ts';

export class Connectivity {
  readonly #context: Context;
  readonly #allocator: Allocator;
  readonly #announcer: Announcer;

  constructor(context: Context, allocator: Allocator, announcer: Announcer) {
    this.#context = context;
    this.#allocator = allocator;
    this.#announcer = announcer;
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
    const made = await worded(asked, () =>
      this.#change((draft) => {
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
      }),
    );
    if (!made) return;
    this.#announcer.begin([made.endpoint]);
    await this.updateEtc(containerId);
    this.tellNetwork('connect', made.network, containerId);
  }

  async disconnect(ref: string, containerId: string, { force }: { readonly force: boolean }): Promise<void> {
    const before = findContainer(this.#context.ledger, containerId);
    await this.#allocator.refreshPorts(before);
    const left = await worded(before, () =>
      this.#change((draft) => {
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
      }),
    );
    if (isAlive(before)) await this.updateEtc(containerId);
    if (left) this.tellNetwork('disconnect', left, containerId);
  }

  endpointsOf(containerId: string): ContainerView['endpoints'] {
    return endpointsOf(this.#context.ledger, containerId);
  }

  /** Tells the containers that are linked to one which has a new address. */
  async tellLinking(container: ContainerRecord): Promise<void> {
    for (const { id } of linkingContainers(this.#context.ledger, container)) await this.updateEtc(id);
  }

  /** Writes /etc/hosts, /etc/hostname and /etc/resolv.conf for a container that is to be started. */
  async writeEtc(containerId: string): Promise<void> {
    const { ledger, runtime, host } = this.#context;
    const container = findContainer(ledger, containerId);
    const { NetworkMode, ExtraHosts } = container.hostConfig;
    // A container in another's namespace shares that one's files.
    if (NetworkMode.startsWith('container:')) return;
    const { Hostname, Domainname } = container.config;
    // As with Docker, whoever is on the host knows what the host knows, unless names are asked for.
    const hosts =
      NetworkMode === 'host' && !ExtraHosts?.length
        ? await host.hosts()
        : hostsFile([...this.#extraHosts(container), ...this.#addresses(container)]);
    await runtime.writeEtc(containerId, 'hosts', hosts);
    await runtime.writeEtc(containerId, 'hostname', `${Hostname}${Domainname ? `.${Domainname}` : ''}\n`);
    await this.#writeResolvConf(container);
  }

  /** Brings a running container's files up to date. What was written into them since its start stays. */
  async updateEtc(containerId: string): Promise<void> {
    const { ledger, runtime } = this.#context;
    const container = findContainer(ledger, containerId);
    if (container.hostConfig.NetworkMode.startsWith('container:')) return;
    const owned = new Set([ownNames(container)[0]!, ...linkAliases(container)]);
    const hosts = await runtime.readEtc(containerId, 'hosts');
    const updated = updateHosts(hosts, this.#addresses(container), owned);
    if (updated !== hosts) await runtime.writeEtc(containerId, 'hosts', updated);
    const { servers } = parseResolvConf(await runtime.readEtc(containerId, 'resolv.conf'));
    if (servers.includes(RESOLVER_ADDRESS) !== this.#hasResolver(containerId)) await this.#writeResolvConf(container);
  }

  async #writeResolvConf(container: ContainerRecord): Promise<void> {
    const { runtime, host, settings } = this.#context;
    const { Dns, DnsSearch, DnsOptions, NetworkMode } = container.hostConfig;
    const asked = {
      dns: Dns?.length ? Dns : settings.dns,
      dnsSearch: DnsSearch?.length ? DnsSearch : settings.dnsSearch,
      dnsOptions: DnsOptions?.length ? DnsOptions : settings.dnsOptions,
    };
    const outside = parseResolvConf(await host.resolvConf());
    const conf = this.#hasResolver(container.id) ? insideResolvConf(outside, asked) : outsideResolvConf(outside, asked);
    await runtime.writeEtc(
      container.id,
      'resolv.conf',
      NetworkMode === 'host' && !asked.dns.length ? await host.resolvConf() : printResolvConf(conf),
    );
  }

  /** Whether our name server answers in the container. */
  #hasResolver(containerId: string): boolean {
    return this.endpointsOf(containerId).some(({ network }) => !isPredefined(network.name));
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

  #extraHosts({ hostConfig }: ContainerRecord): HostsEntry[] {
    const { ledger, settings } = this.#context;
    return (hostConfig.ExtraHosts ?? []).map((extra) => {
      const at = extra.indexOf(':');
      const address = extra.slice(at + 1);
      const bridge = ledger.network.where('name', 'bridge')[0];
      const gateway = settings.hostGateway || bridge?.ipam.pools[0]?.gateway;
      if (address === 'host-gateway' && !gateway) {
        throw new EngineError('invalid', 'unable to derive the IP value for host-gateway');
      }
      return { address: address === 'host-gateway' ? gateway! : address, names: [extra.slice(0, at)] };
    });
  }

  /** What changes while the container runs: the addresses of the containers that it is linked to, and its own. */
  #addresses(container: ContainerRecord): HostsEntry[] {
    const linked = linkedContainers(this.#context.ledger, container).map(({ alias, address, container: other }) => ({
      address,
      names: [...new Set([alias, other.config.Hostname, other.name])],
    }));
    const names = ownNames(container);
    const own = this.endpointsOf(container.id).flatMap(({ endpoint: { ipv4, ipv6 } }) =>
      [ipv4, ipv6].filter(Boolean).map((address) => ({ address: hostAddress(address), names })),
    );
    return [...linked, ...own];
  }
}

/** A container's own names in its hosts file. */
function ownNames({ config: { Hostname, Domainname } }: ContainerRecord): readonly string[] {
  return Domainname ? [`${Hostname}.${Domainname}`, Hostname] : [Hostname];
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
