/** An engine in memory, for tests of the API: records are kept, and every process is a `cat`. */
import type { ContainerRecord } from '../../../core/container/container.ts';
import { commandLine } from '../../../core/container/merge.ts';
import type {
  Containers,
  ContainerView,
  EngineApi,
  ExecView,
  Inspection,
  Networks,
  NetworkView,
  Rehearsal,
} from '../../../core/engine/engine.ts';
import { Events } from '../../../core/engine/event.ts';
import type { ExecProcess, Exit, Input, OutputChunk } from '../../../core/engine/runtime.ts';
import { RuntimeError } from '../../../core/engine/runtime.ts';
import type { EndpointRecord } from '../../../core/network/endpoint.ts';
import { EngineError } from '../../../core/network/error.ts';
import { ManualClock } from '../../../core/model/clock.ts';
import { ModelVolumes } from '../../../core/model/volumes.ts';
import type { NetworkRecord } from '../../../core/network/network.ts';
import type { Step } from '../../../core/plan/step.ts';

const TIME = '2024-05-06T07:08:09.123456789Z';
export const IMAGE_ID = `sha256:${'1'.repeat(64)}`;

/** Gives back what it is told, until its input ends or it is killed. */
export class Cat implements Input {
  readonly #waiting: ((chunk: OutputChunk | undefined) => void)[] = [];
  readonly #chunks: OutputChunk[] = [];
  readonly exited: Promise<number>;
  #exit!: (code: number) => void;
  #ended = false;
  /** Whether the reader left before the end. */
  left = false;

  constructor() {
    this.exited = new Promise((resolve) => (this.#exit = resolve));
  }

  write(data: Uint8Array): Promise<void> {
    this.say('stdout', data);
    return Promise.resolve();
  }

  end(): Promise<void> {
    this.say('stderr', Buffer.from('bye\n'));
    this.kill(0);
    return Promise.resolve();
  }

  kill(code: number): void {
    this.#ended = true;
    this.#exit(code);
    for (const wake of this.#waiting.splice(0)) wake(undefined);
  }

  say(stream: 'stdout' | 'stderr', data: Uint8Array): void {
    const chunk = { stream, data: Uint8Array.from(data), time: TIME };
    const wake = this.#waiting.shift();
    if (wake) wake(chunk);
    else this.#chunks.push(chunk);
  }

  get output(): AsyncIterable<OutputChunk> {
    const next = async (): Promise<IteratorResult<OutputChunk>> => {
      const ready = this.#chunks.shift();
      if (!ready && this.#ended) return { done: true, value: undefined };
      const value = ready ?? (await new Promise<OutputChunk | undefined>((resolve) => this.#waiting.push(resolve)));
      return value ? { done: false, value } : { done: true, value: undefined };
    };
    const leave = async (): Promise<IteratorResult<OutputChunk>> => {
      this.left = true;
      return { done: true, value: undefined };
    };
    return { [Symbol.asyncIterator]: () => ({ next, return: leave }) };
  }
}

export class FakeEngine implements EngineApi {
  readonly events = new Events();
  readonly cats = new Map<string, Cat>();
  /** What the start of an exec waits for. */
  held: Promise<void> = Promise.resolve();
  readonly calls: unknown[][] = [];
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #containers = new Map<string, ContainerRecord>();
  readonly #endpoints = new Map<string, EndpointRecord>();
  readonly #execs = new Map<string, { view: ExecView; process?: Cat }>();
  readonly #exits = new Map<string, ((exit: Exit) => void)[]>();
  #count = 0;

  constructor() {
    this.addNetwork({ name: 'bridge', ipam: pools('172.17.0.0/16') });
    this.addNetwork({ name: 'host', driver: 'host' });
    this.addNetwork({ name: 'none', driver: 'null' });
  }

  id(): string {
    return (++this.#count).toString(16).padStart(64, 'a');
  }

  addNetwork(fields: Partial<NetworkRecord>): NetworkRecord {
    const network: NetworkRecord = {
      id: this.id(),
      name: '',
      created: TIME,
      driver: 'bridge',
      scope: 'local',
      enableIPv4: true,
      enableIPv6: false,
      internal: false,
      attachable: false,
      ingress: false,
      configOnly: false,
      configFrom: '',
      options: {},
      labels: {},
      ipam: { driver: 'default', options: null, pools: [] },
      sequence: this.#count,
      ...fields,
    };
    this.#networks.set(network.id, network);
    return network;
  }

  readonly networks: Networks = {
    list: () => [...this.#networks.values()].map((network) => this.#networkView(network)),
    get: (ref) => this.#networkView(find(this.#networks, ref, `network ${ref} not found`)),
    create: async (request) => {
      this.calls.push(['networks.create', request]);
      if (!request.name) throw new EngineError('invalid', 'invalid name: ');
      const { ipam, ...fields } = request;
      const { id } = this.addNetwork({
        ...fields,
        scope: 'local',
        ipam: { ...pools('172.18.0.0/16', '172.18.0.1'), options: ipam?.options ?? null },
      });
      return { id, warning: '' };
    },
    remove: async (ref) => {
      this.#networks.delete(find(this.#networks, ref, `network ${ref} not found`).id);
    },
    connect: async (ref, container, settings) => {
      this.calls.push(['networks.connect', ref, container, settings]);
    },
    disconnect: async (ref, container) => {
      this.calls.push(['networks.disconnect', ref, container]);
    },
    prune: async (filter) => {
      this.calls.push(['networks.prune', filter]);
      return [];
    },
  };

  readonly inspection: Inspection = {
    desired: () => STEPS.map(({ object }) => object),
    observed: async () => [],
    plan: async () => (this.calls.push(['inspection.plan']), STEPS),
    repair: async () => (this.calls.push(['inspection.repair']), STEPS),
  };

  /** Does what it is to rehearse. */
  rehearse(): Rehearsal {
    this.calls.push(['rehearse']);
    const { networks, containers } = this;
    return { networks, containers, volumes: new ModelVolumes(new ManualClock()), steps: STEPS, close: () => undefined };
  }

  readonly containers: Containers = {
    list: () => [...this.#containers.values()].map((container) => this.#containerView(container)),
    get: (ref) => this.#containerView(this.#container(ref)),
    create: async (request) => {
      this.calls.push(['containers.create', request]);
      if (!request.config.Image.startsWith('busybox')) {
        throw new EngineError('not-found', `No such image: ${request.config.Image}`);
      }
      const id = this.id();
      const network = request.hostConfig.NetworkMode === 'default' ? 'bridge' : request.hostConfig.NetworkMode;
      const record = find(this.#networks, network, `network ${network} not found`);
      this.#containers.set(id, {
        id,
        name: request.name || `container_${this.#count}`,
        created: new Date(Date.parse(TIME) + this.#count).toISOString(),
        imageId: IMAGE_ID,
        args: commandLine(request.config),
        config: { ...request.config, Hostname: request.config.Hostname || id.slice(0, 12) },
        hostConfig: request.hostConfig,
        state: {
          status: 'created',
          pid: 0,
          exitCode: 0,
          error: '',
          startedAt: '0001-01-01T00:00:00Z',
          finishedAt: '0001-01-01T00:00:00Z',
          stoppedByUser: false,
          oomKilled: false,
        },
        restartCount: 0,
        mounts: [],
        networks: { [record.name]: { ...request.networks[network], networkId: record.id } },
      });
      return { id, warnings: [] };
    },
    start: async (ref) => {
      const container = this.#container(ref);
      if (container.state.status === 'running') throw new EngineError('not-modified', 'container is already running');
      const cat = this.#cat(container.id);
      this.#setState(container, { status: 'running', pid: process.pid, startedAt: TIME });
      this.#publish('start', container);
      void cat.exited.then((exitCode) => {
        this.#setState(container, { status: 'exited', pid: 0, exitCode, finishedAt: TIME });
        this.#publish('die', container);
        for (const tell of this.#exits.get(container.id) ?? []) tell({ exitCode, oomKilled: false, at: TIME });
        if (container.hostConfig.AutoRemove) this.#containers.delete(container.id);
      });
    },
    stop: async (ref, options) => {
      this.calls.push(['containers.stop', ref, options]);
      this.#cat(this.#container(ref).id).kill(143);
    },
    kill: async (ref, signal) => {
      this.calls.push(['containers.kill', ref, signal]);
      this.#cat(this.#container(ref).id).kill(137);
    },
    restart: async (ref, options) => void this.calls.push(['containers.restart', ref, options]),
    pause: async (ref) => void this.calls.push(['containers.pause', ref]),
    unpause: async (ref) => void this.calls.push(['containers.unpause', ref]),
    wait: (ref, condition) =>
      new Promise((resolve) => {
        const { id, state } = this.#container(ref);
        if (condition === 'not-running' && state.status === 'exited') {
          resolve({ exitCode: state.exitCode, oomKilled: false, at: TIME });
        }
        this.#exits.set(id, [...(this.#exits.get(id) ?? []), resolve]);
      }),
    remove: async (ref, options) => {
      this.calls.push(['containers.remove', ref, options]);
      this.#containers.delete(this.#container(ref).id);
    },
    rename: async (ref, name) => void this.calls.push(['containers.rename', ref, name]),
    update: async (ref, changes) => void this.calls.push(['containers.update', ref, changes]),
    resize: async (ref, columns, rows) => void this.calls.push(['containers.resize', ref, columns, rows]),
    attach: async (ref, options) => {
      const container = this.#container(ref);
      const cat = this.#cat(container.id);
      return { output: cat.output, input: options.stdin ? cat : undefined, tty: container.config.Tty };
    },
    logs: (ref, query) => {
      this.calls.push(['containers.logs', ref, query]);
      return this.#cat(this.#container(ref).id).output;
    },
    createExec: async (ref, request) => {
      const spec = { ...request, id: this.id(), containerId: this.#container(ref).id };
      this.#execs.set(spec.id, { view: { spec, running: false, exitCode: null, pid: 0 } });
      return spec.id;
    },
    startExec: async (id) => {
      const exec = find(this.#execs, id, `No such exec instance: ${id}`);
      await this.held;
      if (exec.view.spec.args[0] === 'nope') throw new RuntimeError('exec: "nope": executable file not found', 127);
      const cat = new Cat();
      exec.process = cat;
      void cat.exited.then((exitCode) => (exec.view = { ...exec.view, exitCode }));
      this.cats.set(id, cat);
      const process: ExecProcess = {
        pid: 7,
        input: cat,
        output: cat.output,
        exited: cat.exited,
        resize: async () => undefined,
        kill: () => cat.kill(137),
      };
      return process;
    },
    getExec: (id) => find(this.#execs, id, `No such exec instance: ${id}`).view,
    getStartableExec: (id) => this.containers.getExec(id),
    resizeExec: async (id, columns, rows) => void this.calls.push(['containers.resizeExec', id, columns, rows]),
    processes: async () => [process.pid],
    prune: async (filter) => {
      this.calls.push(['containers.prune', filter]);
      return [];
    },
  };

  #networkView(network: NetworkRecord): NetworkView {
    const endpoints = [...this.#endpoints.values()].filter(({ networkId }) => networkId === network.id);
    return { network, endpoints: endpoints.map((endpoint) => ({ endpoint, containerName: 'c' })) };
  }

  #containerView(container: ContainerRecord): ContainerView {
    return { container, sandbox: undefined, endpoints: [], linkNames: [], execIds: [] };
  }

  #container(ref: string): ContainerRecord {
    return find(this.#containers, ref, `No such container: ${ref}`);
  }

  #cat(id: string): Cat {
    const cat = this.cats.get(id) ?? new Cat();
    this.cats.set(id, cat);
    return cat;
  }

  #setState(container: ContainerRecord, state: Partial<ContainerRecord['state']>): void {
    this.#containers.set(container.id, { ...container, state: { ...container.state, ...state } });
  }

  #publish(action: string, { id, name, config }: ContainerRecord): void {
    const attributes = { ...config.Labels, image: config.Image, name };
    this.events.publish({ type: 'container', action, id, attributes, time: TIME });
  }
}

const pools = (subnet: string, gateway?: string): NetworkRecord['ipam'] => ({
  driver: 'default',
  options: null,
  pools: [{ subnet, ...(gateway ? { gateway } : {}) }],
});

const STEPS: readonly Step[] = [
  {
    op: 'add',
    object: {
      kind: 'namespace',
      id: 'n1',
      owner: { kind: 'sandbox', id: 'n1', name: 'c1' },
      why: 'The container has a network of its own.',
    },
  },
];

function find<T>(rows: ReadonlyMap<string, T>, ref: string, message: string): T {
  const byName = [...rows.values()].find((row) => (row as { name?: string }).name === ref);
  const found = rows.get(ref) ?? byName;
  if (!found) throw new EngineError('not-found', message);
  return found;
}
