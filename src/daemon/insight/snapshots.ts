/** Snapshots of the host that the daemon runs on. */
import { FORMAT, HOST, type EngineSnapshot, type Snapshot } from '../../core/insight/snapshot/snapshot.ts';
import type { ContainerView, EngineApi } from '../../core/engine/engine.ts';
import type { EngineSettings } from '../../core/engine/settings.ts';
import type { Names } from '../../core/engine/names.ts';
import type { ContainerRecord } from '../../core/container/container.ts';
import type { PortBinding } from '../../core/network/endpoint.ts';
import { requestedPorts } from '../../core/network/port.ts';
import type { Clock } from '../../core/engine/clock.ts';
import type { NamespaceTexts } from '../../core/model/texts.ts';
import type { Gathered } from './texts.ts';

/** Takes snapshots: what the API's answers about the host are made from. */
export interface Snapshots {
  take(): Promise<Snapshot>;
  /** Of the host, with what its sandboxes are for; into these it is looked when they are asked for. */
  begin(): Promise<GrowingSnapshot>;
  /** What the tools print on the host alone. */
  host(): Promise<NamespaceTexts>;
}

export interface GrowingSnapshot {
  readonly snapshot: Snapshot;
  /** Looks into sandboxes that nobody has looked into yet; says whether there were any. */
  grow(sandboxes: Iterable<string>): Promise<boolean>;
}

export interface SnapshotsOptions {
  readonly engine: Pick<EngineApi, 'networks' | 'containers' | 'inspection'>;
  readonly settings: Pick<EngineSettings, 'firewall' | 'addressPools'>;
  readonly version: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly names: Pick<Names, 'upstream'>;
  /** What is printed in a sandbox's namespace, or in the host's. */
  readonly gather: (sandbox?: string) => Promise<Gathered>;
}

/** So many namespaces are looked into at once. */
const AT_ONCE = 4;

export class HostSnapshots implements Snapshots {
  readonly #options: SnapshotsOptions;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  async host(): Promise<NamespaceTexts> {
    return (await this.#options.gather()).texts;
  }

  async take(): Promise<Snapshot> {
    const growing = await this.begin();
    await growing.grow(growing.snapshot.engine?.sandboxes.map(({ id }) => id) ?? []);
    return growing.snapshot;
  }

  async begin(): Promise<GrowingSnapshot> {
    const { engine, clock, gather } = this.#options;
    const taken = clock.now();
    const views = engine.containers.list();
    const [host, its] = await Promise.all([gather(), this.#engine(views)]);
    const namespaces: Record<string, NamespaceTexts> = { [HOST]: host.texts };
    const problems = [...host.problems];
    const within = new Set(its.sandboxes.flatMap(({ id, host: isHost }) => (isHost ? [] : [id])));
    return {
      snapshot: { passerelle: FORMAT, taken, namespaces, problems, engine: its },
      async grow(sandboxes) {
        const wanted = [...new Set(sandboxes)].filter((sandbox) => within.delete(sandbox));
        const waiting = wanted.values();
        const work = async (): Promise<void> => {
          for (const sandbox of waiting) {
            const gathered = await gather(sandbox);
            namespaces[sandbox] = gathered.texts;
            problems.push(...gathered.problems);
          }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, work));
        return wanted.length > 0;
      },
    };
  }

  async #engine(views: readonly ContainerView[]): Promise<EngineSnapshot> {
    const { engine, settings, version, names } = this.#options;
    const sandboxes = views.flatMap(({ sandbox }) => sandbox ?? []);
    return {
      version,
      firewall: settings.firewall,
      addressPools: settings.addressPools,
      networks: engine.networks.list().map(({ network: { labels: _labels, ...network } }) => network),
      containers: views.map(({ container }) => ({
        id: container.id,
        name: container.name,
        status: container.state.status,
        networkMode: container.hostConfig.NetworkMode,
        exposed: Object.keys(container.config.ExposedPorts ?? {}),
        wanted: wantedPorts(container),
        startFailed: container.state.error !== '',
      })),
      sandboxes,
      endpoints: views.flatMap(({ endpoints }) => endpoints.map(({ endpoint }) => endpoint)),
      desired: engine.inspection.desired(),
      observed: await engine.inspection.observed(),
      nameServers: Object.fromEntries(sandboxes.map(({ id }) => [id, names.upstream(id).servers])),
    };
  }
}

function wantedPorts({ config, hostConfig }: ContainerRecord): PortBinding[] {
  const { PortBindings, PublishAllPorts } = hostConfig;
  return requestedPorts(config.ExposedPorts ?? {}, PortBindings ?? {}, PublishAllPorts).flatMap(
    ({ protocol, containerPort, hostAddress, from, to }) =>
      from > 0 && from === to
        ? [{ protocol, containerPort, hostAddress: hostAddress || '0.0.0.0', hostPort: from }]
        : [],
  );
}
