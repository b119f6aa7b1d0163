/** What compose files say, checked as a whole. */
import type { Service } from './service.ts';
import type { ProjectNetwork, ProjectVolume } from './topology.ts';
import { ProjectError } from './problem.ts';
import { volumeName } from './volumes.ts';

export interface Project {
  readonly name: string;
  /** The folder that relative paths start from. */
  readonly folder: string;
  /** The compose files as they were named. */
  readonly files: readonly string[];
  /** Those that are to run, each after the ones it depends on. */
  readonly services: readonly Service[];
  /** Those that some service uses. */
  readonly networks: readonly ProjectNetwork[];
  readonly volumes: readonly ProjectVolume[];
}

/** `Tc_Infra.Base` is `tc_infrabase`: what docker-compose 1.29 leaves of a folder's name. */
export function projectName(name: string): string {
  return name.toLowerCase().replaceAll(/[^-_a-z0-9]/g, '') || 'default';
}

/** The service of `service:x` in a network, PID or IPC mode. */
export function modeService(mode: string | undefined): string | undefined {
  return mode?.startsWith('service:') ? mode.slice('service:'.length) : undefined;
}

/** The service's networks, the one that is its container's own first. None: it has a network mode. */
export function networksOf(service: Service): readonly (readonly [string, NonNullable<Service['networks']>[string]])[] {
  if (service.network_mode !== undefined) return [];
  const named = Object.entries(service.networks ?? {});
  if (named.length === 0) return [['default', {}]];
  return named.toSorted(([, a], [, b]) => (b.priority ?? 0) - (a.priority ?? 0));
}

function link(spec: string): string {
  return spec.split(':')[0]!;
}

/** The services that have to be there before this one. */
export function dependencies(service: Service): readonly string[] {
  const shared = [service.network_mode, service.pid, service.ipc].map(modeService).filter((name) => name !== undefined);
  const sources = (service.volumes_from ?? [])
    .filter((spec) => !spec.startsWith('container:'))
    .map((spec) => link(spec.replace(/^service:/, '')));
  return [
    ...new Set([...Object.keys(service.depends_on ?? {}), ...(service.links ?? []).map(link), ...shared, ...sources]),
  ];
}

/** How many containers the service is to have. */
export function scaleOf(service: Service): number {
  const replicas = service.deploy?.mode === 'global' ? undefined : service.deploy?.replicas;
  return service.scale ?? replicas ?? 1;
}

/** Services after their dependencies, else by name. Throws ProjectError if they go round in circles. */
export function inOrder(services: readonly Service[]): readonly Service[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const ordered = new Set<Service>();
  const visit = (service: Service, path: readonly string[]): void => {
    if (ordered.has(service)) return;
    if (path.includes(service.name)) throw circle(service.name, path);
    for (const name of dependencies(service)) {
      const needed = byName.get(name);
      if (needed) visit(needed, [...path, service.name]);
    }
    ordered.add(service);
  };
  for (const service of services.toSorted((a, b) => (a.name < b.name ? -1 : 1))) visit(service, []);
  return [...ordered];
}

function circle(name: string, path: readonly string[]): ProjectError {
  const round = path.slice(path.indexOf(name));
  return round.length === 1
    ? new ProjectError(`A service can not depend on itself: ${name}`)
    : new ProjectError(`Circular dependency between ${round.join(' and ')}`);
}

/** The named services and what they depend on; all without names. Throws ProjectError for an unknown one. */
export function selectServices(project: Project, names: readonly string[]): readonly Service[] {
  if (names.length === 0) return project.services;
  const wanted = new Set<string>();
  const add = (name: string): void => {
    if (wanted.has(name)) return;
    const service = project.services.find((candidate) => candidate.name === name);
    if (!service) throw new ProjectError(`No such service: ${name}`);
    wanted.add(name);
    for (const needed of dependencies(service)) add(needed);
  };
  for (const name of names) add(name);
  return project.services.filter((service) => wanted.has(service.name));
}

/** References of one service to others, to networks and to volumes that are not there: what to say of each. */
export function danglingReferences(
  service: Service,
  known: {
    readonly services: ReadonlySet<string>;
    readonly networks: ReadonlySet<string>;
    readonly volumes: ReadonlySet<string>;
  },
): readonly { readonly key: string; readonly message: string }[] {
  const { name } = service;
  const missing: { key: string; message: string }[] = [];
  const say = (key: string, message: string): void => void missing.push({ key, message });
  for (const other of Object.keys(service.depends_on ?? {}))
    if (!known.services.has(other))
      say('depends_on', `Service '${name}' depends on service '${other}' which is undefined.`);
  for (const spec of service.links ?? [])
    if (!known.services.has(link(spec)))
      say('links', `Service '${name}' has a link to service '${spec}' which is undefined.`);
  const modes = { network_mode: 'network stack', pid: 'PID namespace', ipc: 'IPC namespace' } as const;
  for (const key of ['network_mode', 'pid', 'ipc'] as const) {
    const other = modeService(service[key]);
    if (other !== undefined && !known.services.has(other))
      say(key, `Service '${name}' uses the ${modes[key]} of service '${other}' which is undefined.`);
  }
  for (const key of Object.keys(service.networks ?? {}))
    if (!known.networks.has(key)) say('networks', `Service "${name}" uses an undefined network "${key}"`);
  for (const volume of service.volumes ?? []) {
    const source = volumeName(volume);
    if (source !== undefined && !known.volumes.has(source)) {
      const mode = volume.form === 'bind' ? volume.mode : volume.readOnly ? 'ro' : 'rw';
      say(
        'volumes',
        `Named volume "${source}:${volume.target}:${mode}" is used in service "${name}" but no declaration was found in the volumes section.`,
      );
    }
  }
  return missing;
}
