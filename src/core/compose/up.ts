/** A project and what is there of it -> what is to be done so that it runs. */
import { canonicalJson } from './canonical.ts';
import { attachmentsOf, containerBody, containerName, projectLabels, stopSeconds } from './container.ts';
import type { KeptVolumes } from './container.ts';
import * as label from './labels.ts';
import { containersOf, isRunning, labelOf, nameOf, numberOf, orphans } from './present.ts';
import type { Present, PresentContainer, PresentNetwork } from './present.ts';
import { ProjectError } from './problem.ts';
import { dependencies, modeService, scaleOf } from './project.ts';
import type { Project } from './project.ts';
import type { Service } from './service.ts';
import { apiPath, line } from './task.ts';
import type { EngineCall, Task, Wait } from './task.ts';
import type { ProjectNetwork, ProjectVolume } from './topology.ts';

export interface UpOptions {
  /** Those to bring up, in the project's order. */
  readonly services: readonly Service[];
  readonly recreate: 'changed' | 'always' | 'never';
  /** False: containers are made and not started. */
  readonly start: boolean;
  readonly removeOrphans: boolean;
  readonly renewAnonymousVolumes: boolean;
  /** Service -> number of containers, in place of the file's. */
  readonly scale: ReadonlyMap<string, number>;
  /** Seconds that a container gets to stop, in place of the file's. */
  readonly stopSeconds?: number | undefined;
  /** Hexadecimal. */
  readonly sha256: (text: string) => string;
}

export interface Plan {
  readonly tasks: readonly Task[];
  readonly warnings: readonly string[];
}

/** Throws ProjectError if an external network or volume is missing, or a network is not what the file says. */
export function planUp(project: Project, present: Present, options: UpOptions): Plan {
  const topology = [
    ...project.networks.flatMap((each) => networkTasks(project, each, present)),
    ...project.volumes.flatMap((each) => volumeTasks(project, each, present)),
  ];
  const ground = topology.map((task) => task.id);
  const convergence = new Convergence(project, present, options, ground);
  const services = options.services.flatMap((service) => convergence.tasks(service));
  const lost = orphanPlan(project, present, options);
  return { tasks: [...topology, ...lost.tasks, ...services], warnings: lost.warnings };
}

function networkTasks(project: Project, network: ProjectNetwork, present: Present): readonly Task[] {
  const found = present.networks.find((each) => each.Name === network.name);
  if (network.external) {
    if (found) return [];
    throw new ProjectError(
      `Network ${network.name} declared as external, but could not be found. Please create the network manually using \`passerelle network create ${network.name}\` and try again.`,
    );
  }
  if (found) {
    const changed = differenceOf(network, found);
    if (changed) throw new ProjectError(`Network "${network.name}" needs to be recreated - ${changed} has changed`);
    return [];
  }
  const driver = network.driver ? `driver "${network.driver}"` : 'the default driver';
  return [
    line(`network ${network.key}`, `Creating network "${network.name}" with ${driver}`, [
      { method: 'POST', path: '/networks/create', body: networkBody(project, network) },
    ]),
  ];
}

/** The body of `POST /networks/create`, without what the file says nothing about, as docker-compose sends it. */
export function networkBody(project: Project, network: ProjectNetwork): Readonly<Record<string, unknown>> {
  return {
    Name: network.name,
    ...(network.driver && { Driver: network.driver }),
    ...(network.driver_opts && { Options: network.driver_opts }),
    ...(network.ipam && {
      IPAM: {
        Driver: network.ipam.driver ?? 'default',
        Config: (network.ipam.config ?? []).map((pool) => ({
          ...(pool.subnet && { Subnet: pool.subnet }),
          ...(pool.ip_range && { IPRange: pool.ip_range }),
          ...(pool.gateway && { Gateway: pool.gateway }),
          ...(pool.aux_addresses && { AuxiliaryAddresses: pool.aux_addresses }),
        })),
        ...(network.ipam.options && { Options: network.ipam.options }),
      },
    }),
    CheckDuplicate: true,
    ...(network.internal && { Internal: true }),
    ...(network.enable_ipv6 && { EnableIPv6: true }),
    Attachable: network.attachable ?? true,
    Labels: {
      ...network.labels,
      [label.PROJECT]: project.name,
      [label.NETWORK]: network.key,
      [label.VERSION]: label.COMPOSE_VERSION,
    },
  };
}

/** What the file says of a network that is otherwise than the engine's; undefined if nothing. */
function differenceOf(network: ProjectNetwork, found: PresentNetwork): string | undefined {
  if (network.driver && network.driver !== found.Driver) return 'driver';
  const [wanted, real] = [network.driver_opts ?? {}, found.Options ?? {}];
  for (const key of new Set([...Object.keys(wanted), ...Object.keys(real)]))
    if (wanted[key] !== real[key]) return `option "${key}"`;
  if (network.ipam?.driver && network.ipam.driver !== found.IPAM.Driver) return 'IPAM driver';
  const pools = network.ipam?.config ?? [];
  if (pools.length === 0) return undefined;
  const there = found.IPAM.Config ?? [];
  if (pools.length !== there.length) return 'IPAM configs';
  const missing = pools.find((pool) => pool.subnet && !there.some((each) => each['Subnet'] === pool.subnet));
  return missing && 'IPAM config subnet';
}

function volumeTasks(project: Project, volume: ProjectVolume, present: Present): readonly Task[] {
  const found = present.volumes.has(volume.name);
  if (found) return [];
  if (volume.external)
    throw new ProjectError(
      `Volume ${volume.name} declared as external, but could not be found. Please create the volume manually using \`passerelle volume create --name=${volume.name}\` and try again.`,
    );
  const body = {
    Name: volume.name,
    ...(volume.driver && { Driver: volume.driver }),
    ...(volume.driver_opts && { DriverOpts: volume.driver_opts }),
    Labels: {
      ...volume.labels,
      [label.PROJECT]: project.name,
      [label.VOLUME]: volume.key,
      [label.VERSION]: label.COMPOSE_VERSION,
    },
  };
  const driver = volume.driver ? `driver "${volume.driver}"` : 'default driver';
  return [
    line(`volume ${volume.key}`, `Creating volume "${volume.name}" with ${driver}`, [
      { method: 'POST', path: '/volumes/create', body },
    ]),
  ];
}

function orphanPlan(project: Project, present: Present, options: UpOptions): Plan {
  const lost = orphans(present, new Set(project.services.map((service) => service.name)));
  if (lost.length === 0) return { tasks: [], warnings: [] };
  if (!options.removeOrphans) return { tasks: [], warnings: [orphanWarning(lost)] };
  return { tasks: removeOrphans(lost), warnings: [] };
}

export function orphanWarning(lost: readonly PresentContainer[]): string {
  return `Found orphan containers (${lost.map(nameOf).join(', ')}) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`;
}

export function removeOrphans(lost: readonly PresentContainer[]): readonly Task[] {
  return lost.map((each) =>
    line(`orphan ${each.Id}`, `Removing orphan container "${nameOf(each)}"`, [
      { method: 'DELETE', path: `${apiPath('containers', each.Id)}?force=true`, mayBeGone: true },
    ]),
  );
}

/** Brings the containers of one service after the other to what the file says. */
class Convergence {
  readonly #project: Project;
  readonly #present: Present;
  readonly #options: UpOptions;
  readonly #ground: readonly string[];
  /** Service -> its tasks' ids. */
  readonly #tasks = new Map<string, readonly string[]>();
  readonly #recreated = new Set<string>();

  constructor(project: Project, present: Present, options: UpOptions, ground: readonly string[]) {
    this.#project = project;
    this.#present = present;
    this.#options = options;
    this.#ground = ground;
  }

  tasks(service: Service): readonly Task[] {
    const found = containersOf(this.#present, service.name);
    const scale = this.#options.scale.get(service.name) ?? scaleOf(service);
    if (service.container_name && scale > 1)
      throw new ProjectError(
        `The "${service.name}" service is using the custom container name "${service.container_name}". Docker requires each container to have a unique name. Remove the custom name to scale the service.`,
      );
    const hash = this.#hash(service);
    const outdated = (each: PresentContainer): boolean => this.#isOutdated(service, each, hash);
    const [kept, surplus] = [found.slice(0, scale), found.slice(scale)];
    const replaced = this.#options.recreate === 'never' ? [] : kept.filter(outdated);
    if (replaced.length > 0) this.#recreated.add(service.name);
    const made = this.#newNumbers(found, scale - kept.length);
    const tasks = [
      ...surplus.map((each) => this.#surplus(service, each)),
      ...kept.map((each) =>
        replaced.includes(each) ? this.#recreate(service, each, hash) : this.#keep(service, each),
      ),
      ...made.map((number) => this.#create(service, number, hash)),
    ];
    this.#tasks.set(
      service.name,
      tasks.map((task) => task.id),
    );
    return tasks;
  }

  /** Of all that a container is made from: another one means another container. */
  #hash(service: Service): string {
    return this.#options.sha256(
      canonicalJson({
        container: containerBody(this.#project, service, new Map()),
        networks: attachmentsOf(this.#project, service),
        image: this.#present.images.get(service.image!) ?? null,
      }),
    );
  }

  #isOutdated(service: Service, container: PresentContainer, hash: string): boolean {
    if (this.#options.recreate === 'always') return true;
    const shares = [service.network_mode, service.pid, service.ipc].map(modeService);
    if (shares.some((other) => other !== undefined && this.#recreated.has(other))) return true;
    return labelOf(container, label.CONFIG_HASH) !== hash;
  }

  #newNumbers(found: readonly PresentContainer[], count: number): readonly number[] {
    const last = Math.max(0, ...found.map(numberOf));
    return Array.from({ length: Math.max(0, count) }, (_, index) => last + index + 1);
  }

  #task(service: Service, id: string, verb: string, name: string, calls: readonly EngineCall[]): Task {
    const after = dependencies(service).flatMap((needed) => this.#tasks.get(needed) ?? []);
    return { id, after: [...this.#ground, ...after], says: { verb, name }, waits: this.#waits(service), calls };
  }

  #waits(service: Service): readonly Wait[] {
    return Object.entries(service.depends_on ?? {}).flatMap(([name, condition]) => {
      const needed = this.#project.services.find((candidate) => candidate.name === name);
      if (!needed || condition === 'service_started' || !this.#options.start) return [];
      const container = containerName(this.#project, needed, 1);
      return [{ container, condition: condition === 'service_healthy' ? 'healthy' : 'completed' } as const];
    });
  }

  #create(service: Service, number: number, hash: string): Task {
    const name = containerName(this.#project, service, number);
    return this.#task(service, `container ${name}`, 'Creating', name, this.#make(service, number, hash, new Map()));
  }

  /** The new container takes the old one's name and anonymous volumes; the old one goes when the new one runs. */
  #recreate(service: Service, old: PresentContainer, hash: string): Task {
    const name = containerName(this.#project, service, numberOf(old) || 1);
    const path = apiPath('containers', old.Id);
    const kept: KeptVolumes = this.#options.renewAnonymousVolumes ? new Map() : anonymousVolumes(old);
    const parked = `${old.Id.slice(0, 12)}_${nameOf(old)}`;
    return this.#task(service, `container ${name}`, 'Recreating', nameOf(old), [
      this.#stop(service, old),
      { method: 'POST', path: `${path}/rename?name=${encodeURIComponent(parked)}` },
      ...this.#make(service, numberOf(old) || 1, hash, kept),
      { method: 'DELETE', path },
    ]);
  }

  #keep(service: Service, container: PresentContainer): Task {
    const name = nameOf(container);
    const id = `container ${name}`;
    if (isRunning(container) || !this.#options.start) return { ...line(id, `${name} is up-to-date`), waits: [] };
    return this.#task(service, id, 'Starting', name, [this.#start(service, name)]);
  }

  #surplus(service: Service, container: PresentContainer): Task {
    const name = nameOf(container);
    return this.#task(service, `surplus ${name}`, 'Stopping and removing', name, [
      this.#stop(service, container),
      { method: 'DELETE', path: apiPath('containers', container.Id), mayBeGone: true },
    ]);
  }

  #make(service: Service, number: number, hash: string, kept: KeptVolumes): readonly EngineCall[] {
    const name = containerName(this.#project, service, number);
    const [, ...others] = attachmentsOf(this.#project, service);
    const body = {
      ...containerBody(this.#project, service, kept),
      Labels: projectLabels(this.#project, service, number, hash),
    };
    return [
      {
        method: 'POST',
        path: `/containers/create?name=${encodeURIComponent(name)}`,
        body,
        purpose: `Cannot create container for service ${service.name}`,
      },
      ...others.map(({ network, settings }): EngineCall => ({
        method: 'POST',
        path: `${apiPath('networks', network)}/connect`,
        body: { Container: name, EndpointConfig: settings },
      })),
      ...(this.#options.start ? [this.#start(service, name)] : []),
    ];
  }

  #start(service: Service, name: string): EngineCall {
    return {
      method: 'POST',
      path: `${apiPath('containers', name)}/start`,
      purpose: `Cannot start service ${service.name}`,
    };
  }

  #stop(service: Service, container: PresentContainer): EngineCall {
    return stopCall(container.Id, this.#options.stopSeconds ?? stopSeconds(service));
  }
}

export function stopCall(container: string, seconds: number | undefined): EngineCall {
  return { method: 'POST', path: `${apiPath('containers', container)}/stop?t=${seconds ?? 10}` };
}

/** Volumes without a name of their own are named by 64 digits. */
function anonymousVolumes(container: PresentContainer): KeptVolumes {
  const anonymous = (container.Mounts ?? []).filter(
    (mount) => mount.Type === 'volume' && /^[0-9a-f]{64}$/.test(mount.Name ?? ''),
  );
  return new Map(anonymous.map((mount) => [mount.Destination, mount.Name!]));
}
