/** Links on the default bridge, where no name server answers: `--link container:alias`. */
import { parseContainerPorts, type ContainerPort } from '../network/port.ts';
import type { ContainerConfig, HostConfig } from './config.ts';

export interface Link {
  /** How the other container was named. */
  readonly target: string;
  readonly alias: string;
}

/** `container:alias`, or as inspection shows it, `/container:/own/alias`; without an alias the container's name is one. */
export function parseLink(text: string): Link {
  const [target = '', alias] = text.replace(/^\//, '').split(':');
  return { target, alias: alias?.slice(alias.lastIndexOf('/') + 1) ?? target };
}

/** The links of a container that is on no user-defined network: there they are names that the name server knows. */
export function linksOf({ NetworkMode, Links }: Pick<HostConfig, 'NetworkMode' | 'Links'>): readonly string[] {
  return ['default', 'bridge', 'none'].includes(NetworkMode) ? (Links ?? []) : [];
}

/** The links of a container, in another's new name. */
export function renameLinks(links: HostConfig['Links'], from: string, to: string): HostConfig['Links'] {
  if (!links) return links;
  return links.map((text) => {
    const { target, alias } = parseLink(text);
    return target === from ? `${to}:${alias}` : text;
  });
}

/** The container at a link's other end. */
export interface Linked {
  readonly alias: string;
  readonly address: string;
  readonly config: Pick<ContainerConfig, 'Env' | 'ExposedPorts'>;
  readonly bindings: HostConfig['PortBindings'];
}

/** The ports that the container exposes or publishes, lowest first. */
export function linkedPorts({ config, bindings }: Pick<Linked, 'config' | 'bindings'>): readonly ContainerPort[] {
  const keys = [...Object.keys(config.ExposedPorts ?? {}), ...Object.keys(bindings ?? {})];
  const ports = new Map(keys.flatMap(parseContainerPorts).map((its) => [`${its.port}/${its.protocol}`, its]));
  return [...ports.values()].toSorted((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1));
}

/** Said by every image, and of no use to others. */
const PRIVATE = new Set(['HOME', 'PATH']);

/** The variables that tell a container of its link, as Docker names and orders them. */
export function linkEnvironment(container: string, linked: Linked): readonly string[] {
  const { alias, address, config } = linked;
  const prefix = alias.toUpperCase().replaceAll('-', '_');
  const ports = linkedPorts(linked);
  const [first] = ports;
  return [
    ...(first ? [`${prefix}_PORT=${first.protocol}://${address}:${first.port}`] : []),
    ...ports.flatMap(({ port, protocol }) => {
      const name = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
      return [
        `${name}=${protocol}://${address}:${port}`,
        `${name}_ADDR=${address}`,
        `${name}_PORT=${port}`,
        `${name}_PROTO=${protocol}`,
      ];
    }),
    `${prefix}_NAME=/${container}/${alias}`,
    ...(config.Env ?? [])
      .filter((variable) => variable.includes('=') && !PRIVATE.has(variable.split('=', 1)[0]!))
      .map((variable) => `${prefix}_ENV_${variable}`),
  ];
}
