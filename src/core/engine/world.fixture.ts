/** An engine on a machine in memory, for tests: what it is told, what it says, and what must be true of it. */
import { expect } from 'vitest';
import type { ContainerConfig, HostConfig } from '../container/config.ts';
import { hostAddress } from '../address/prefix.ts';
import { DEFAULT_SOURCES } from '../ipam/sources.ts';
import { ManualClock } from '../model/clock.ts';
import { ModelHost } from '../model/host.ts';
import { ModelImages } from '../model/images.ts';
import { ModelKernel } from '../model/kernel.ts';
import { ModelRuntime } from '../model/runtime.ts';
import type { Program } from '../model/runtime/process.ts';
import { ModelSockets } from '../model/sockets.ts';
import { ModelVolumes } from '../model/volumes.ts';
import { PLAIN_DEFAULT_BRIDGE } from '../network/default-bridge.ts';
import type { EndpointSettings } from '../network/endpoint.ts';
import { key } from '../plan/key.ts';
import { type HostObject, isSocket, type KernelObject } from '../plan/object.ts';
import type { Backend } from '../firewall/layout.ts';
import { OPTIONS } from '../firewall/records.fixture.ts';
import { printRule } from '../firewall/print.ts';
import { repair } from '../plan/repair.ts';
import { desiredObjects } from './blueprint.ts';
import type { Ports } from './context.ts';
import type { ContainerRequest, NetworkRequest } from './engine.ts';
import type { EngineEvent } from './event.ts';
import { MemoryStore } from './memory-store.ts';
import { Ledger, RECORD_KINDS } from './records.ts';
import type { EngineSettings } from './settings.ts';
import { startEngine, type Engine } from './start.ts';

export const SETTINGS: EngineSettings = {
  firewall: OPTIONS,
  addressPools: DEFAULT_SOURCES,
  networkOptions: {},
  defaultBridge: PLAIN_DEFAULT_BRIDGE,
  hostGateway: '',
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
};

/** The same on either machinery. */
export const BACKENDS = ['iptables', 'nftables'] as const satisfies readonly Backend[];

/** Command lines that mean something; all others run until a signal ends them. */
const PROGRAMS: Readonly<Record<string, Program>> = {
  true: { ends: { after: 0, exitCode: 0 } },
  false: { ends: { after: 0, exitCode: 1 } },
  short: { ends: { after: 2000, exitCode: 3 } },
  steady: { ends: { after: 15_000, exitCode: 3 } },
  stubborn: { ignores: [15] },
  missing: { refusal: { message: 'exec: "missing": executable file not found in $PATH: unknown', exitCode: 127 } },
};

const CONFIG: ContainerConfig = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: 'busybox',
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: {},
};

const HOST_CONFIG: HostConfig = {
  Binds: null,
  LogConfig: { Type: 'json-file', Config: {} },
  NetworkMode: 'default',
  PortBindings: {},
  RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumesFrom: null,
  CapAdd: null,
  CapDrop: null,
  Dns: [],
  DnsOptions: [],
  DnsSearch: [],
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: 'private',
  PidMode: '',
  Links: null,
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  ShmSize: 67_108_864,
  Ulimits: null,
  Memory: 0,
  MemorySwap: 0,
  NanoCpus: 0,
  CpuShares: 0,
  CpuQuota: 0,
  CpuPeriod: 0,
  PidsLimit: null,
  Devices: null,
  MaskedPaths: null,
  ReadonlyPaths: null,
};

/** `docker run`, in a few words. */
export interface ContainerWish {
  readonly network?: string;
  readonly command?: string;
  /** `8080:80`, `127.0.0.1:53:53/udp`, `80` for any host port. */
  readonly ports?: readonly string[];
  /** `always`, `on-failure:3`. */
  readonly restart?: string;
  readonly remove?: boolean;
  readonly place?: EndpointSettings;
  readonly config?: Partial<ContainerConfig>;
  readonly host?: Partial<HostConfig>;
}

export function containerRequest(name: string, wish: ContainerWish = {}): ContainerRequest {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of wish.ports ?? []) {
    const [, address = '', hostPort = '', containerPort = ''] = /^(?:(?:(.*):)?(\d*(?:-\d+)?):)?(.+)$/.exec(port)!;
    const its = containerPort.includes('/') ? containerPort : `${containerPort}/tcp`;
    (bindings[its] ??= []).push({ HostIp: address.replace(/^\[|\]$/g, ''), HostPort: hostPort });
  }
  const [policy = 'no', retries = '0'] = (wish.restart ?? 'no').split(':');
  const mode = wish.network ?? 'default';
  return {
    name,
    config: { ...CONFIG, Cmd: (wish.command ?? 'serve').split(' '), ...wish.config },
    hostConfig: {
      ...HOST_CONFIG,
      NetworkMode: mode,
      PortBindings: bindings,
      RestartPolicy: { Name: policy, MaximumRetryCount: Number(retries) },
      AutoRemove: wish.remove ?? false,
      ...wish.host,
    },
    networks: wish.place ? { [mode]: wish.place } : {},
  };
}

export function networkRequest(name: string, wish: Partial<NetworkRequest> & { subnet?: string } = {}): NetworkRequest {
  const { subnet, ...rest } = wish;
  return {
    name,
    driver: 'bridge',
    checkDuplicate: true,
    internal: false,
    attachable: false,
    ingress: false,
    scope: '',
    configOnly: false,
    configFrom: '',
    options: {},
    labels: {},
    ...(subnet ? { ipam: { driver: 'default', options: {}, pools: [{ subnet }] } } : {}),
    ...rest,
  };
}

function imagesOf(clock: ManualClock): ModelImages {
  const images = new ModelImages(clock);
  images.put('busybox', { Cmd: ['sh'] });
  images.put('registry:2', {
    Cmd: ['serve'],
    ExposedPorts: { '5000/tcp': {} },
    Volumes: { '/var/lib/registry': {} },
  });
  return images;
}

export class World {
  readonly clock = new ManualClock();
  kernel = new ModelKernel();
  /** What command lines do, by their first word. */
  readonly programs: Record<string, Program> = { ...PROGRAMS };
  readonly runtime = new ModelRuntime(this.clock, ([program = '']) => this.programs[program] ?? {});
  readonly images = imagesOf(this.clock);
  readonly volumes = new ModelVolumes(this.clock);
  readonly host = new ModelHost();
  readonly store = new MemoryStore();
  sockets = new ModelSockets();
  settings: EngineSettings = SETTINGS;
  /** What the engine said that nobody asked for. */
  readonly log: string[] = [];
  readonly events: EngineEvent[] = [];
  engine!: Engine;

  static async start(change: (world: World) => void = () => undefined): Promise<World> {
    const world = new World();
    change(world);
    await world.startEngine();
    return world;
  }

  /** The engine writes its rules for that back end. */
  useBackend(backend: Backend): void {
    this.settings = { ...this.settings, firewall: { ...this.settings.firewall, backend } };
  }

  get ports(): Ports {
    const { kernel, sockets, runtime, images, volumes, store, host, clock } = this;
    const say = (message: string): void => void this.log.push(message);
    return { kernel, sockets, runtime, images, volumes, store, host, clock, log: { info: () => undefined, warn: say } };
  }

  async startEngine(ports: Ports = this.ports): Promise<void> {
    this.engine = await startEngine(ports, this.settings, () => undefined);
    this.engine.events.subscribe((event) => this.events.push(event));
  }

  /** The engine stops, and another one starts. */
  async restart(): Promise<void> {
    await this.engine.close();
    await this.startAnew();
  }

  /** Another engine starts: the sockets went with the one before. */
  async startAnew(): Promise<void> {
    this.sockets = new ModelSockets();
    await this.startEngine();
  }

  /** The machine starts anew: the kernel has forgotten all. */
  async reboot(): Promise<void> {
    this.kernel = new ModelKernel();
    await this.startAnew();
  }

  /** Until everything that can go on without time passing has gone on. */
  async settle(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Lets time pass. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.clock.milliseconds() + milliseconds;
    for (;;) {
      await this.settle();
      const wait = this.clock.untilNext;
      const left = end - this.clock.milliseconds();
      if (wait === undefined || wait > left) {
        this.clock.advance(left);
        return this.settle();
      }
      this.clock.advance(wait);
    }
  }

  /** Lets as much time pass as the task takes. */
  async during<T>(task: Promise<T>): Promise<T> {
    const waiting = new Set([task]);
    const noteEnd = (): void => waiting.clear();
    task.then(noteEnd, noteEnd);
    await this.settle();
    while (waiting.size > 0) {
      this.clock.advance(this.clock.untilNext ?? 0);
      await this.settle();
    }
    return task;
  }

  async create(name: string, wish?: ContainerWish): Promise<string> {
    return (await this.engine.containers.create(containerRequest(name, wish))).id;
  }

  async run(name: string, wish?: ContainerWish): Promise<string> {
    const id = await this.create(name, wish);
    await this.engine.containers.start(id);
    return id;
  }

  async network(name: string, wish?: Parameters<typeof networkRequest>[1]): Promise<string> {
    return (await this.engine.networks.create(networkRequest(name, wish))).id;
  }

  status(ref: string): string {
    return this.engine.containers.get(ref).container.state.status;
  }

  /** `8080->80/tcp` of each published port, one for each host address. */
  published(ref: string): string[] {
    return this.engine.containers
      .get(ref)
      .endpoints.flatMap(({ endpoint, network }) =>
        endpoint.bindings.map(
          ({ hostAddress, hostPort, containerPort, protocol }) =>
            `${network.name} ${hostAddress}:${hostPort}->${containerPort}/${protocol}`,
        ),
      );
  }

  /** Addresses by network. */
  addresses(ref: string): Record<string, string> {
    const { endpoints } = this.engine.containers.get(ref);
    return Object.fromEntries(endpoints.map(({ endpoint, network }) => [network.name, endpoint.ipv4]));
  }

  /** The rules of a chain, as iptables-save lists them. */
  async rules(table: string, chain: string): Promise<string[]> {
    const objects = await this.kernel.observe({ sandboxes: [], kinds: ['rule'] });
    return objects.flatMap((object) =>
      object.kind === 'rule' &&
      object.rule.family === 'ip' &&
      object.rule.table === table &&
      object.rule.chain === chain
        ? [printRule(object.rule)]
        : [],
    );
  }

  /** `create`, `kill 15`: what was told of one container or network, in its order. */
  told(id: string): string[] {
    return this.events
      .filter((event) => event.id === id || event.attributes['container'] === id)
      .map(({ action, attributes }) =>
        [action, attributes['signal'], attributes['exitCode']].filter(Boolean).join(' '),
      );
  }

  async records(): Promise<Ledger> {
    return new Ledger(await this.store.load());
  }

  async observe(): Promise<readonly KernelObject[]> {
    const { sandbox } = await this.records();
    return this.kernel.observe({ sandboxes: [...sandbox.values()].map(({ id }) => id) });
  }

  /** All that is stored, in the kernel and held: to be compared with what it was. */
  async state(): Promise<unknown> {
    const { records, pending } = await this.store.load();
    return {
      records: Object.fromEntries([...records].map(([kind, rows]) => [kind, Object.fromEntries(rows)])),
      pending,
      kernel: elementsSorted(await this.observe()),
      sockets: this.sockets.held().map(key).sort(),
      seen: { networks: this.engine.networks.list(), containers: this.engine.containers.list() },
    };
  }

  /** What must be true whenever nothing is under way. `foreign`: what others made. */
  async expectSound(foreign: readonly KernelObject[] = []): Promise<void> {
    const { records: stored, pending } = await this.store.load();
    expect(pending).toEqual([]);
    const records = new Ledger({ records: stored, pending: [] });
    const desired = desiredObjects(records, this.settings);
    const observed = await this.observe();
    expect(repair(observed, desired).map((step) => `${step.op} ${key(step.object)}`)).toEqual([]);
    const theirs = new Set([...(await NEWBORN), ...foreign.map(key)]);
    expect(made(observed, theirs)).toEqual(made(desired, theirs));
    expect(this.sockets.held().map(key).sort()).toEqual(desired.filter(isSocket).map(key).sort());

    // The engine shows what is stored.
    const shown = this.engine.containers.list();
    expect(sortById(shown.map(({ container }) => container))).toEqual(sortById([...records.container.values()]));
    expect(sortById(this.engine.networks.list().map(({ network }) => network))).toEqual(
      sortById([...records.network.values()]),
    );

    const endpoints = [...records.endpoint.values()];
    for (const { networkId, containerId, sandboxId } of endpoints) {
      expect(records.network.get(networkId)).toBeDefined();
      expect(records.container.get(containerId)).toBeDefined();
      expect(records.sandbox.get(sandboxId)?.containerId).toBe(containerId);
    }
    expectUnique(endpoints.filter(({ ipv4 }) => ipv4).map(({ networkId, ipv4 }) => `${networkId} ${ipv4}`));
    expectUnique(endpoints.filter(({ ipv6 }) => ipv6).map(({ networkId, ipv6 }) => `${networkId} ${ipv6}`));
    expectUnique(endpoints.filter(({ hostInterface }) => hostInterface).map(({ hostInterface }) => hostInterface));
    expectUnique(
      endpoints.flatMap(({ bindings }) =>
        bindings.map(({ protocol, hostAddress, hostPort }) => `${protocol} ${hostAddress} ${hostPort}`),
      ),
    );

    // Whoever runs has a process and a sandbox, and nobody else has.
    const running = this.runtime.running();
    expect([...running.keys()].sort()).toEqual([...records.container.values()].map(({ id }) => id).sort());
    for (const { id, state, hostConfig } of records.container.values()) {
      const isAlive = state.status === 'running' || state.status === 'paused';
      expect(running.get(id)).toBe(isAlive ? state.pid : 0);
      const hasSandbox = isAlive && !hostConfig.NetworkMode.startsWith('container:');
      expect(records.sandbox.where('container', id)).toHaveLength(hasSandbox ? 1 : 0);
      if (hasSandbox) this.#expectHosts(records, id);
    }
    // Besides the records, what the engine notes of itself.
    expect([...RECORD_KINDS, 'engine']).toEqual(expect.arrayContaining([...stored.keys()]));
  }

  /** A running container finds itself by its hostname, at the addresses that it has. */
  #expectHosts(records: Ledger, id: string): void {
    const lines = this.runtime.etcFile(id, 'hosts')!.split('\n');
    const { Hostname, Domainname } = records.container.get(id)!.config;
    const names = Domainname ? `${Hostname}.${Domainname} ${Hostname}` : Hostname;
    const own = lines.flatMap((line) => (line.split('\t')[1] === names ? [line.split('\t')[0]] : []));
    const addresses = records.endpoint.where('container', id).flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]);
    expect(new Set(own)).toEqual(new Set(addresses.filter(Boolean).map(hostAddress)));
  }
}

/** The keys of what a new host has. */
const NEWBORN = new ModelKernel().observe({ sandboxes: [] }).then((objects) => objects.map(key));

/** The keys of the objects that somebody made: settings stay, and the kernel adds routes and loopback's addresses. */
function made(objects: readonly HostObject[], but: ReadonlySet<string>): string[] {
  return objects
    .filter((object) => {
      switch (object.kind) {
        case 'namespace':
        case 'chain':
        case 'rule':
        case 'nft-table':
        case 'nft-set':
        case 'nft-chain':
        case 'nft-element':
          return true;
        case 'link':
          return object.type !== 'loopback';
        case 'address':
          return object.link !== 'lo';
        case 'route':
          return object.to === 'default';
        default:
          return false;
      }
    })
    .map(key)
    .filter((its) => !but.has(its))
    .sort();
}

function expectUnique(values: readonly string[]): void {
  expect(values.toSorted()).toEqual([...new Set(values)].sort());
}

const sortById = <T extends { readonly id: string }>(rows: readonly T[]): T[] =>
  rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));

/** A set has no order. */
function elementsSorted(objects: readonly KernelObject[]): readonly KernelObject[] {
  const isElement = ({ kind }: KernelObject): boolean => kind === 'nft-element';
  const elements = objects.filter(isElement).toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  return [...objects.filter((object) => !isElement(object)), ...elements];
}
