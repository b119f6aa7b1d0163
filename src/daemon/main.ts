/** The daemon: the engine on the real ports, behind the API. */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ContainerArchives } from '../containers/archive/archives.ts';
import { ImageStore } from '../containers/images/store.ts';
import { containerPaths } from '../containers/runtime/paths.ts';
import { ConmonRuntime } from '../containers/runtime/runtime.ts';
import { LocalVolumes } from '../containers/volumes/local.ts';
import type { ContainerRecord } from '../core/container/container.ts';
import type { ContainerView } from '../core/engine/engine.ts';
import type { Names } from '../core/engine/names.ts';
import type { EngineSettings } from '../core/engine/settings.ts';
import { startEngine, type Engine } from '../core/engine/start.ts';
import { parseMark } from '../core/firewall/mark.ts';
import { DEFAULT_SOURCES } from '../core/ipam/sources.ts';
import { EngineError } from '../core/network/error.ts';
import { LinuxKernel } from '../linux/kernel.ts';
import type { ContainerSurroundings } from './api/containers/present.ts';
import { ApiServer } from './api/http/server.ts';
import { apiRouter } from './api/routes.ts';
import type { Services } from './api/services.ts';
import { readSystemFacts } from './api/system/facts.ts';
import { SystemClock } from './clock.ts';
import type { DaemonConfig } from './config/options.ts';
import { machine } from './host.ts';
import { HostSnapshots } from './insight/snapshots.ts';
import { gather } from './insight/texts.ts';
import { listen, parseHost, StartError } from './listen.ts';
import { lockDataRoot, lockNetworkNamespace, refuseBesideDocker } from './lock.ts';
import { makeLog } from './log.ts';
import { HostSockets } from './sockets.ts';
import { JournalStore } from './store/journal-store.ts';

export interface Build {
  readonly version: string;
  readonly commit?: string;
  /** The bundle of the kernel port's thread; undefined: `worker.js` beside this bundle. */
  readonly worker?: URL;
}

/** Runs until a signal ends it; gives the exit code. Containers stay as they are. */
export async function runDaemon(config: DaemonConfig, build: Build): Promise<number> {
  const log = makeLog(config);
  dieOnWhatNobodyHandles(log);
  const stopped = stopSignal();
  try {
    const daemon = await Daemon.start(config, build, log);
    const signal = await stopped;
    log.info({ signal }, 'stopping; containers keep running');
    await daemon.stop();
    return 0;
  } catch (error) {
    // What the user must change needs no trace.
    if (error instanceof StartError || error instanceof EngineError) log.fatal(error.message);
    else log.fatal({ err: error }, error instanceof Error ? error.message : String(error));
    return 1;
  }
}

/** What is closed at the end, the last opened first. */
class Closing {
  readonly #steps: (readonly [what: string, close: () => unknown])[] = [];
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(what: string, close: () => unknown): void {
    this.#steps.push([what, close]);
  }

  /** One that fails does not keep the others from it. */
  async run(): Promise<void> {
    for (const [what, close] of this.#steps.splice(0).toReversed()) {
      try {
        await close();
      } catch (error) {
        this.#log.error({ err: error }, `closing ${what} failed`);
      }
    }
  }
}

export class Daemon {
  readonly #closing: Closing;

  private constructor(closing: Closing) {
    this.#closing = closing;
  }

  /** Resolves when the API is served. What was opened before a failure is closed again. */
  static async start(config: DaemonConfig, build: Build, log: Logger): Promise<Daemon> {
    const closing = new Closing(log);
    try {
      await open(config, build, log, closing);
    } catch (error) {
      await closing.run();
      throw error;
    }
    return new Daemon(closing);
  }

  async stop(): Promise<void> {
    await this.#closing.run();
  }
}

async function open(config: DaemonConfig, build: Build, log: Logger, closing: Closing): Promise<void> {
  const { dataRoot, execRoot } = config;
  const endpoints = config.hosts.map(parseHost);
  const lock = lockDataRoot(dataRoot);
  closing.add('the lock', () => lock.release());
  await refuseBesideDocker();
  const namespaceLock = await lockNetworkNamespace();
  closing.add('the lock of the network namespace', () => namespaceLock.release());

  const warn = (message: string): void => log.warn(message);
  const clock = new SystemClock();
  const store = new JournalStore(join(dataRoot, 'journal'), { warn });
  closing.add('the store', () => store.close());
  const images = await ImageStore.open(join(dataRoot, 'images'), { insecureRegistries: config.insecureRegistries });
  const volumes = await LocalVolumes.open(join(dataRoot, 'volumes'));
  const kernel = new LinuxKernel({ runDirectory: execRoot, ...(build.worker ? { worker: build.worker } : {}) });
  closing.add('the kernel port', () => kernel.close());
  const runtime = new ConmonRuntime({
    dataRoot,
    runRoot: execRoot,
    clock,
    layers: async (imageId) => images.layers(imageId),
  });
  closing.add('the runtime', () => runtime.close());
  const names = new LateNames();
  const sockets = new HostSockets({ names, namespacePath: (sandbox) => kernel.namespacePath(sandbox), warn });
  closing.add('the sockets', () => sockets.close());

  const settings = engineSettings(config);
  const engine = await startEngine(
    {
      kernel,
      sockets,
      runtime,
      images,
      volumes,
      store,
      host: machine,
      clock,
      log: { info: (text) => log.info(text), warn },
    },
    settings,
    (directory) => names.use(directory),
  );
  closing.add('the engine', () => engine.close());

  const layers = (container: ContainerRecord) => ({
    upper: containerPaths(dataRoot, execRoot, container.id).upper,
    lower: images.layers(container.imageId),
  });
  const services: Services = {
    engine,
    images,
    volumes,
    files: {
      surroundings: ({ container, sandbox }: ContainerView): ContainerSurroundings => {
        const paths = containerPaths(dataRoot, execRoot, container.id);
        return {
          resolvConfPath: runtime.etcPath(container.id, 'resolv.conf'),
          hostnamePath: runtime.etcPath(container.id, 'hostname'),
          hostsPath: runtime.etcPath(container.id, 'hosts'),
          logPath: runtime.logPath(container.id),
          sandboxKey: sandbox && !sandbox.host ? kernel.namespacePath(sandbox.id) : '',
          layers: {
            LowerDir: images.layers(container.imageId).join(':'),
            MergedDir: paths.root,
            UpperDir: paths.upper,
            WorkDir: paths.work,
          },
        };
      },
    },
    archives: new ContainerArchives({ withRoot: (container, use) => runtime.withRoot(container, use), layers }),
    system: await readSystemFacts({
      version: build.version,
      commit: build.commit ?? '',
      dataRoot,
      id: daemonId(dataRoot),
      insecureRegistries: config.insecureRegistries,
    }),
    snapshots: new HostSnapshots({
      engine,
      settings,
      version: build.version,
      clock,
      namespacePath: (sandbox) => kernel.namespacePath(sandbox),
      gather,
    }),
    clock,
  };
  await serve(services, endpoints, config, build, log, closing);
}

async function serve(
  services: Services,
  endpoints: readonly ReturnType<typeof parseHost>[],
  { hosts, group }: DaemonConfig,
  { version }: Build,
  log: Logger,
  closing: Closing,
): Promise<void> {
  const api = new ApiServer({ router: apiRouter(services), version, log });
  closing.add('the API', () => api.close());
  for (const endpoint of endpoints) {
    if (endpoint.kind === 'tcp') {
      log.warn(
        `the API on tcp://${endpoint.address}:${endpoint.port} asks nobody who they are: every user of this machine can be root through it`,
      );
    }
    await listen(api.server(), endpoint, group);
  }
  log.info({ hosts, pid: process.pid }, 'API listening');
}

function engineSettings(config: DaemonConfig): EngineSettings {
  const acceptMark = parseMark(config.acceptMark);
  return {
    firewall: {
      backend: config.firewallBackend,
      iptables: config.iptables,
      ip6tables: config.ip6tables,
      userlandProxy: config.userlandProxy,
      allowDirectRouting: config.allowDirectRouting,
      ipForward: config.ipForward,
      forwardDrop: config.ipForward && !config.ipForwardNoDrop,
      ...(acceptMark ? { acceptMark } : {}),
    },
    addressPools: config.addressPools.length > 0 ? config.addressPools : DEFAULT_SOURCES,
    networkOptions: config.networkOptions,
    defaultBridge: {
      bridge: config.bridge,
      bip: config.bip,
      bip6: config.bip6,
      fixedCidr: config.fixedCidr,
      fixedCidr6: config.fixedCidr6,
      defaultGateway: config.defaultGateway,
      defaultGateway6: config.defaultGateway6,
      icc: config.icc,
      // It takes rules.
      masquerade: config.masquerade && config.iptables,
      hostBinding: config.hostBinding,
      ipv6: config.ipv6,
      mtu: config.mtu,
    },
    hostGateway: config.hostGateway,
    dns: config.dns,
    dnsSearch: config.dnsSearch,
    dnsOptions: config.dnsOptions,
  };
}

/** The engine knows who has which name; the sockets that ask it are made before it. */
class LateNames implements Names {
  #names: Names | undefined;

  use(names: Engine['directory']): void {
    this.#names = names;
  }

  lookup(...question: Parameters<Names['lookup']>): ReturnType<Names['lookup']> {
    return this.#names?.lookup(...question);
  }

  reverse(...question: Parameters<Names['reverse']>): ReturnType<Names['reverse']> {
    return this.#names?.reverse(...question);
  }

  upstream(...question: Parameters<Names['upstream']>): ReturnType<Names['upstream']> {
    return this.#names?.upstream(...question) ?? { servers: [] };
  }
}

/** Made once for each data root. */
function daemonId(dataRoot: string): string {
  const path = join(dataRoot, 'engine-id');
  try {
    writeFileSync(path, `${randomUUID()}\n`, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(path, 'utf8').trim();
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}

/** A state that nobody foresaw is not to be gone on from: the supervisor starts the daemon again, and containers live on. */
function dieOnWhatNobodyHandles(log: Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, `${event}: ${error instanceof Error ? error.message : String(error)}`);
      process.exit(1);
    });
  }
}
