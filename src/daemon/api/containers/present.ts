/** Containers as the Engine API shows them. The order of the fields is Docker's. */
import { linksOf, parseLink } from '../../../core/container/links.ts';
import type { ContainerConfig, HostConfig } from '../../../core/container/config.ts';
import type { ContainerMount, ContainerRecord, ContainerState } from '../../../core/container/container.ts';
import type { ContainerView, Health } from '../../../core/engine/engine.ts';
import { humanDuration } from '../duration.ts';
import { seconds } from '../http/time.ts';
import { sorted } from '../sorted.ts';
import {
  presentDefaultBridge,
  presentNetworks,
  presentPorts,
  summarizeNetworks,
  summarizePorts,
} from './present-network.ts';

/** Up to this version the kernel memory limits, which the kernel no longer has, are shown. */
const SHOWS_KERNEL_MEMORY = 41;

/** What is known of a container outside of the engine's records. */
export interface ContainerSurroundings {
  readonly resolvConfPath: string;
  readonly hostnamePath: string;
  readonly hostsPath: string;
  readonly logPath: string;
  readonly sandboxKey: string;
  /** The folders of its root filesystem, by overlay's names for them. */
  readonly layers: Readonly<Record<string, string>>;
}

/** Bytes; only where they were asked for, since they must be counted. */
export interface ContainerSize {
  readonly written: number;
  readonly total: number;
}

export function presentContainer(
  view: ContainerView,
  version: number,
  surroundings: ContainerSurroundings,
  size?: ContainerSize,
): object {
  const { container, sandbox, execIds } = view;
  const [path = '', ...args] = container.args;
  return {
    Id: container.id,
    Created: container.created,
    Path: path,
    Args: args,
    State: presentState(view),
    Image: container.imageId,
    ResolvConfPath: surroundings.resolvConfPath,
    HostnamePath: surroundings.hostnamePath,
    HostsPath: surroundings.hostsPath,
    LogPath: surroundings.logPath,
    Name: `/${container.name}`,
    RestartCount: container.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: execIds.length > 0 ? execIds : null,
    HostConfig: presentHostConfig(container, version),
    GraphDriver: { Data: surroundings.layers, Name: 'overlay2' },
    ...(size ? presentSize(size) : {}),
    Mounts: container.mounts.map(presentMount),
    Config: presentConfig(container.config),
    NetworkSettings: {
      Bridge: '',
      SandboxID: sandbox?.id ?? '',
      HairpinMode: false,
      LinkLocalIPv6Address: '',
      LinkLocalIPv6PrefixLen: 0,
      Ports: presentPorts(view),
      SandboxKey: surroundings.sandboxKey,
      SecondaryIPAddresses: null,
      SecondaryIPv6Addresses: null,
      ...presentDefaultBridge(view),
      Networks: presentNetworks(view, version),
    },
  };
}

/** A container in a list. `image`: the name that it was made of, if that is still this image. */
export function summarizeContainer(view: ContainerView, image: string, now: number, size?: ContainerSize): object {
  const { container } = view;
  return {
    Id: container.id,
    Names: [container.name, ...view.linkNames].sort().map((name) => `/${name}`),
    Image: image,
    ImageID: container.imageId,
    Command: container.args.map((arg, index) => (index > 0 && arg.includes(' ') ? `'${arg}'` : arg)).join(' '),
    Created: seconds(container.created),
    Ports: summarizePorts(view),
    ...(size ? presentSize(size) : {}),
    Labels: sorted(container.config.Labels),
    State: container.state.status,
    Status: statusText(container, now),
    HostConfig: { NetworkMode: container.hostConfig.NetworkMode },
    NetworkSettings: { Networks: summarizeNetworks(view) },
    Mounts: container.mounts.map(presentMount),
  };
}

function presentState({ container: { state }, health }: ContainerView): object {
  const { status } = state;
  return {
    Status: status,
    Running: status === 'running' || status === 'paused' || status === 'restarting',
    Paused: status === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(health ? { Health: presentHealth(health) } : {}),
  };
}

function presentHealth({ status, failingStreak, log }: Health): object {
  return {
    Status: status,
    FailingStreak: failingStreak,
    Log: log.map(({ start, end, exitCode, output }) => ({
      Start: start,
      End: end,
      ExitCode: exitCode,
      Output: output,
    })),
  };
}

const presentSize = ({ written, total }: ContainerSize): object => ({
  ...(written > 0 ? { SizeRw: written } : {}),
  SizeRootFs: total,
});

function presentMount({ type, name, source, destination, mode, writable, propagation }: ContainerMount): object {
  return {
    Type: type,
    ...(name ? { Name: name } : {}),
    Source: source,
    Destination: destination,
    ...(type === 'volume' ? { Driver: 'local' } : {}),
    Mode: mode,
    RW: writable,
    Propagation: propagation,
  };
}

function presentHostConfig({ name, hostConfig: asked }: ContainerRecord, version: number): object {
  const hostConfig: HostConfig = { ...asked, Links: presentLinks(name, asked) };
  if (version <= SHOWS_KERNEL_MEMORY) return hostConfig;
  const { KernelMemory: _, KernelMemoryTCP: __, ...rest } = hostConfig;
  return rest;
}

/** The image's settings are merged in at any place: the order is made here. */
export function presentConfig(config: Partial<ContainerConfig>): object {
  const { Healthcheck, MacAddress, Shell, StopSignal, StopTimeout } = config;
  return {
    Hostname: config.Hostname ?? '',
    Domainname: config.Domainname ?? '',
    User: config.User ?? '',
    AttachStdin: config.AttachStdin ?? false,
    AttachStdout: config.AttachStdout ?? false,
    AttachStderr: config.AttachStderr ?? false,
    ...(config.ExposedPorts && Object.keys(config.ExposedPorts).length > 0
      ? { ExposedPorts: sorted(config.ExposedPorts) }
      : {}),
    Tty: config.Tty ?? false,
    OpenStdin: config.OpenStdin ?? false,
    StdinOnce: config.StdinOnce ?? false,
    Env: config.Env ?? null,
    Cmd: config.Cmd ?? null,
    ...(Healthcheck ? { Healthcheck } : {}),
    Image: config.Image ?? '',
    Volumes: config.Volumes ? sorted(config.Volumes) : null,
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: config.Entrypoint ?? null,
    ...(MacAddress ? { MacAddress } : {}),
    OnBuild: config.OnBuild ?? null,
    Labels: config.Labels ? sorted(config.Labels) : null,
    ...(StopSignal ? { StopSignal } : {}),
    ...(StopTimeout === undefined ? {} : { StopTimeout }),
    ...(Shell?.length ? { Shell } : {}),
  };
}

function healthText({ health }: ContainerState): string {
  if (!health) return '';
  return health === 'starting' ? ' (health: starting)' : ` (${health})`;
}

/** `now`: milliseconds since 1970. */
export function statusText({ state }: ContainerRecord, now: number): string {
  const since = (time: string): string => humanDuration(now - Date.parse(time));
  switch (state.status) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${since(state.startedAt)}${healthText(state)}`;
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case 'dead':
      return 'Dead';
  }
}

/** Both ends by their names: `/db:/web/store`. */
function presentLinks(name: string, hostConfig: HostConfig): HostConfig['Links'] {
  const links = linksOf(hostConfig).map(parseLink);
  return links.length > 0 ? links.map(({ target, alias }) => `/${target}:/${name}/${alias}`) : null;
}
