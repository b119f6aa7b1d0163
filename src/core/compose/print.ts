/** `compose config`: the project as one file, with everything resolved. */
import { stringify } from 'yaml';
import type { Project } from './project.ts';
import type { ServicePort } from './ports.ts';
import type { Service } from './service.ts';
import type { ProjectNetwork, ProjectVolume } from './topology.ts';
import type { ServiceVolume } from './volumes.ts';

type Json = Readonly<Record<string, unknown>>;

/** Keys are sorted, so that two projects can be compared line by line. It can be read again. */
export function printProject(project: Project): string {
  const { services, networks, volumes } = project;
  const document = {
    name: project.name,
    services: Object.fromEntries(services.map((service) => [service.name, serviceBody(service)])),
    ...(networks.length > 0 && { networks: Object.fromEntries(networks.map((each) => [each.key, placed(each)])) }),
    ...(volumes.length > 0 && { volumes: Object.fromEntries(volumes.map((each) => [each.key, placed(each)])) }),
  };
  return stringify(escaped(document), {
    sortMapEntries: true,
    lineWidth: 0,
    aliasDuplicateObjects: false,
    singleQuote: true,
  });
}

/** A dollar sign in the output is none of a variable. */
function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (Array.isArray(value)) return value.map(escaped);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, escaped(each)]));
}

function without(body: object, key: string): Json {
  return Object.fromEntries(Object.entries(body).filter(([name]) => name !== key));
}

function serviceBody(service: Service): Json {
  return {
    ...without(service, 'name'),
    ...(service.ports && { ports: service.ports.map(portBody) }),
    ...(service.volumes && { volumes: service.volumes.map(volumeBody) }),
    ...(service.networks && {
      networks: Object.fromEntries(
        Object.entries(service.networks).map(([key, each]) => [key, Object.keys(each).length > 0 ? each : null]),
      ),
    }),
    ...(service.depends_on && {
      depends_on: Object.fromEntries(
        Object.entries(service.depends_on).map(([key, condition]) => [key, { condition }]),
      ),
    }),
    ...(service.restart && { restart: restartSpec(service.restart) }),
    ...(service.stop_grace_period !== undefined && { stop_grace_period: seconds(service.stop_grace_period) }),
    ...(service.healthcheck && { healthcheck: healthBody(service.healthcheck) }),
  };
}

function restartSpec(policy: NonNullable<Service['restart']>): string {
  return policy.MaximumRetryCount > 0 ? `${policy.Name}:${policy.MaximumRetryCount}` : policy.Name;
}

function healthBody(health: NonNullable<Service['healthcheck']>): Json {
  const times = Object.entries(health).filter(([key]) => ['interval', 'timeout', 'start_period'].includes(key));
  return { ...health, ...Object.fromEntries(times.map(([key, value]) => [key, seconds(value as number)])) };
}

function seconds(nanoseconds: number): string {
  return `${nanoseconds / 1e9}s`;
}

function portBody(port: ServicePort): Json {
  return {
    target: port.target,
    ...(port.published !== undefined && { published: port.published }),
    protocol: port.protocol,
    ...(port.hostIp && { host_ip: port.hostIp }),
  };
}

function volumeBody(volume: ServiceVolume): unknown {
  if (volume.form === 'bind') return volume.source ? `${volume.source}:${volume.target}:${volume.mode}` : volume.target;
  return {
    type: volume.type,
    ...(volume.source && { source: volume.source }),
    target: volume.target,
    ...(volume.readOnly && { read_only: true }),
    ...(volume.propagation && { bind: { propagation: volume.propagation } }),
    ...(volume.noCopy && { volume: { nocopy: true } }),
    ...(volume.tmpfsSize && { tmpfs: { size: volume.tmpfsSize } }),
  };
}

function placed(each: ProjectNetwork | ProjectVolume): Json {
  return each.external ? { name: each.name, external: true } : without(without(each, 'key'), 'external');
}
