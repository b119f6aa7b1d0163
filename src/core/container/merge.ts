import type { ContainerConfig } from './config.ts';
import { mergeHealth } from './health.ts';

/** The variable's name of `NAME=value`. */
const variable = (assignment: string): string => assignment.split('=', 1)[0]!;

/**
 * What a container is configured with: the request's own words, completed from its image.
 * A request that sets the entrypoint does not inherit the image's command, as in Docker.
 */
export function mergeConfig(request: ContainerConfig, image: Partial<ContainerConfig>): ContainerConfig {
  const own = new Set((request.Env ?? []).map(variable));
  const inherited = (image.Env ?? []).filter((assignment) => !own.has(variable(assignment)));
  const entrypoint = request.Entrypoint?.length ? request.Entrypoint : null;
  const command = request.Cmd?.length ? request.Cmd : null;
  const exposed = { ...image.ExposedPorts, ...request.ExposedPorts };
  const volumes = { ...image.Volumes, ...request.Volumes };
  const healthcheck = mergeHealth(request.Healthcheck, image.Healthcheck);
  const stopSignal = request.StopSignal || image.StopSignal;
  const shell = request.Shell ?? image.Shell;
  return {
    ...request,
    User: request.User || image.User || '',
    WorkingDir: request.WorkingDir || image.WorkingDir || '',
    Env: request.Env || image.Env ? [...(request.Env ?? []), ...inherited] : null,
    Entrypoint: entrypoint ?? image.Entrypoint ?? null,
    Cmd: command ?? (entrypoint ? null : (image.Cmd ?? null)),
    Labels: { ...image.Labels, ...request.Labels },
    Volumes: Object.keys(volumes).length ? volumes : null,
    ...(Object.keys(exposed).length ? { ExposedPorts: exposed } : {}),
    ...(healthcheck ? { Healthcheck: healthcheck } : {}),
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(shell ? { Shell: shell } : {}),
  };
}

/** `[""]` is how a client asks for no entrypoint at all. */
function isReset(entrypoint: readonly string[] | null): boolean {
  return entrypoint?.length === 1 && entrypoint[0] === '';
}

/** Entrypoint and command, joined: what is executed. */
export function commandLine(config: ContainerConfig): readonly string[] {
  const entrypoint = isReset(config.Entrypoint) ? [] : (config.Entrypoint ?? []);
  return [...entrypoint, ...(config.Cmd ?? [])];
}
