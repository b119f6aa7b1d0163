/**
 * A whole machine in memory: the engine's ports, wired so that its containers' simulated programs see
 * the network that the engine has made for them. It has an uplink to a world that nobody looks into.
 */
import { parseAddress } from '../address/address.ts';
import type { Clock } from '../engine/clock.ts';
import type { Ports } from '../engine/context.ts';
import type { Names } from '../engine/names.ts';
import { MemoryStore } from '../engine/memory-store.ts';
import type { StartSpec } from '../engine/runtime.ts';
import type { TracePlace } from '../insight/trace/place.ts';
import { trace } from '../insight/trace/trace.ts';
import { parseContainerPorts } from '../network/port.ts';
import type { Namespace } from '../plan/object.ts';
import { ModelHost } from './host.ts';
import { ModelImages } from './images.ts';
import { ModelKernel } from './kernel.ts';
import type { Linux, Listener } from './linux.ts';
import { listenerOf } from './objects.ts';
import { program } from './programs/programs.ts';
import type { Surroundings } from './programs/surroundings.ts';
import { ModelRuntime, type ProcessPlace } from './runtime.ts';
import { ModelSockets } from './sockets.ts';
import { ModelVolumes } from './volumes.ts';

const HOST: Namespace = 'host';

/** The machine's card, and where its default route leads (RFC 5737). */
export const UPLINK = { link: 'uplink0', address: '198.51.100.1/24', gateway: '198.51.100.2' } as const;

export class Simulation {
  readonly kernel = new ModelKernel();
  readonly sockets = new ModelSockets();
  readonly store = new MemoryStore();
  readonly runtime: ModelRuntime;
  readonly images: ModelImages;
  readonly volumes: ModelVolumes;
  readonly host: ModelHost;
  readonly clock: Clock;
  #names: Names | undefined;

  /** `architecture`: of the images, in Go's words. */
  constructor(clock: Clock, { hostname, architecture }: { readonly hostname: string; readonly architecture: string }) {
    const { link, address, gateway } = UPLINK;
    const namespace = HOST;
    this.clock = clock;
    this.images = new ModelImages(clock, architecture);
    this.volumes = new ModelVolumes(clock);
    this.host = new ModelHost({ hostname, linkNames: () => [...this.linux().namespaces.get(HOST)!.links.keys()] });
    this.runtime = new ModelRuntime(clock, (args, place) => program(args, this.#around(place), place.isExec));
    this.kernel.plug(link);
    this.kernel.add(
      { kind: 'link', type: 'loopback', namespace, name: 'lo', up: true },
      { kind: 'address', namespace, link, address, broadcast: '198.51.100.255' },
      { kind: 'route', namespace, family: 'ip', to: 'default', via: gateway, link },
    );
  }

  get ports(): Omit<Ports, 'log'> {
    const { kernel, sockets, runtime, images, volumes, store, host, clock } = this;
    return { kernel, sockets, runtime, images, volumes, store, host, clock };
  }

  /** Tells whom the simulated name servers ask. */
  connect(names: Names): void {
    this.#names = names;
  }

  /** As it is now. A container listens on the ports that it exposes or publishes, and on no others. */
  linux(): Linux {
    const listeners = new Map<Namespace, readonly Listener[]>([[HOST, this.sockets.held().flatMap(listenerOf)]]);
    for (const object of this.sockets.held()) {
      if (object.kind === 'resolver') listeners.set(object.sandbox, NAME_SERVER);
    }
    for (const spec of this.runtime.specs()) {
      const name = this.#namespaceOf(spec);
      listeners.set(name, [...(listeners.get(name) ?? []), ...listening(spec)]);
    }
    return this.kernel.linux(listeners);
  }

  #namespaceOf({ networkNamespace }: StartSpec): Namespace {
    return networkNamespace === null ? HOST : this.kernel.sandboxOf(networkNamespace);
  }

  #places(): readonly TracePlace[] {
    return this.runtime.specs().map((spec) => ({
      name: spec.container.name,
      aliases: [],
      namespace: this.#namespaceOf(spec),
      addresses: [],
    }));
  }

  #around({ spec, tty, etc }: ProcessPlace): Surroundings {
    const { name, config } = spec.container;
    const namespace = this.#namespaceOf(spec);
    return {
      namespace,
      hostname: config.Hostname,
      tty,
      etc,
      linux: () => this.linux(),
      lookup: (wanted) => (namespace === HOST ? undefined : this.#names?.lookup(namespace, wanted)),
      reach: async (target) => trace({ from: name, to: target }, this.linux(), this.#places()),
      sleep: (milliseconds) => new Promise((resolve) => this.clock.after(milliseconds, resolve)),
    };
  }
}

const NAME_SERVER: readonly Listener[] = (['udp', 'tcp'] as const).map((protocol) => ({
  protocol,
  port: 53,
  version: 4,
  address: parseAddress('127.0.0.11')!,
  process: 'the name server',
}));

function listening({ container: { name, config, hostConfig } }: StartSpec): Listener[] {
  const keys = new Set([...Object.keys(config.ExposedPorts ?? {}), ...Object.keys(hostConfig.PortBindings ?? {})]);
  return [...keys]
    .flatMap(parseContainerPorts)
    .map(({ protocol, port }) => ({ protocol, port, version: 'both', process: `${name} (simulated)` }));
}
