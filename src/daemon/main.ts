/** The daemon: the engine on its ports, behind the API. */
import type { Logger } from 'pino';
import { RuntimeError } from '../core/engine/runtime.ts';
import type { EngineSettings } from '../core/engine/settings.ts';
import { startEngine } from '../core/engine/start.ts';
import { parseMark } from '../core/firewall/mark.ts';
import { DEFAULT_SOURCES } from '../core/ipam/sources.ts';
import { EngineError } from '../core/network/error.ts';
import { ApiServer } from './api/http/server.ts';
import { apiRouter } from './api/routes.ts';
import type { Services } from './api/services.ts';
import type { DaemonConfig } from './config/options.ts';
import { HostSnapshots } from './insight/snapshots.ts';
import { listen, parseHost, StartError } from './listen.ts';
import { makeLog } from './log.ts';
import { practise } from './practice.ts';
import type { Opened, World, WorldLog } from './worlds/world.ts';

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
    log.info({ signal }, config.kernel === 'linux' ? 'stopping; containers keep running' : 'stopping');
    await daemon.stop();
    return 0;
  } catch (error) {
    // What the user must change needs no trace.
    const isUsers = [StartError, EngineError, RuntimeError].some((kind) => error instanceof kind);
    if (isUsers) log.fatal((error as Error).message);
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
  const endpoints = config.hosts.map(parseHost);
  const told = { info: (text: string) => log.info(text), warn: (text: string) => log.warn(text) };
  const world = await openWorld(config, build, told, (what, close) => closing.add(what, close));
  const { ports, gather, live, connect, practiceGround } = world;
  const settings = engineSettings(config);
  const engine = await startEngine({ ...ports, log: told }, settings, connect);
  closing.add('the engine', () => engine.close());
  const { images, volumes, clock } = ports;
  const { version } = build;
  const snapshots = new HostSnapshots({ engine, settings, version, clock, names: engine.directory, gather });
  const services = { engine, images, volumes, ...world.services, snapshots, live: live(snapshots), clock };
  const api = await serve(services, endpoints, config, build, log, closing);
  if (!practiceGround) return;
  const stopping = new AbortController();
  const practising = { services, settings, version, quiet: () => api.quiet, stopping: stopping.signal };
  const practised = practise(practiceGround, practising).catch((error: unknown) =>
    log.warn({ err: error }, 'the common changes could not be practised: the first real ones take longer'),
  );
  closing.add('the practice', () => {
    stopping.abort();
    return practised;
  });
}

/** Only the world that is asked for is loaded: a model has to start where there is no Linux. */
async function openWorld(config: DaemonConfig, ...rest: [Build, WorldLog, Opened]): Promise<World> {
  if (config.kernel === 'linux') {
    if (process.platform !== 'linux') throw new StartError('this system is no Linux: --kernel model simulates one');
    return (await import('./worlds/linux.ts')).openLinux(config, ...rest);
  }
  const [build, log] = rest;
  log.info('all is simulated: no kernel is asked, no program is run, and what is made is forgotten at the end');
  return (await import('./worlds/model.ts')).openModel(config, build);
}

async function serve(
  services: Services,
  endpoints: readonly ReturnType<typeof parseHost>[],
  { hosts, group }: DaemonConfig,
  { version }: Build,
  log: Logger,
  closing: Closing,
): Promise<ApiServer> {
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
  return api;
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
