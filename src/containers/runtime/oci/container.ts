import type { ContainerRecord } from '../../../core/container/container.ts';
import type { StartSpec } from '../../../core/engine/runtime.ts';
import type {
  OciConfig,
  OciDevice,
  OciDeviceRule,
  OciMount,
  OciProcess,
  OciResources,
  OciSeccomp,
  OciUser,
} from './config.ts';
import { INIT_PATH, rootPropagation } from './mounts.ts';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
];

const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const EVERY_DEVICE: OciDeviceRule = { allow: true, access: 'rwm' };

/** zero, null, random, urandom, tty, console; everything else, fuse included, is closed. */
const DEVICE_RULES: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  ...(
    [
      [1, 3],
      [1, 5],
      [1, 8],
      [1, 9],
      [5, 0],
      [5, 1],
    ] as const
  ).map(([major, minor]): OciDeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
  { allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' },
];

/** What had to be looked up on the host for a container's configuration. */
export interface HostFacts {
  readonly root: string;
  readonly user: OciUser;
  readonly capabilities: readonly string[];
  readonly seccomp: OciSeccomp | undefined;
  readonly mounts: readonly OciMount[];
  readonly devices: readonly OciDevice[];
  readonly deviceRules: readonly OciDeviceRule[];
  readonly resources: OciResources;
  readonly cgroup: string;
  /** The host has one cgroup v2 tree: the container gets a view of its own part. */
  readonly unifiedCgroups: boolean;
}

/** The configuration that the OCI runtime makes a container from. */
export function ociConfig(spec: StartSpec, facts: HostFacts): OciConfig {
  const { config, hostConfig } = spec.container;
  const propagation = rootPropagation(spec.container);
  const ownUts = hostConfig['UTSMode'] !== 'host';
  return {
    ociVersion: '1.0.2',
    process: containerProcess(spec.container, facts),
    root: { path: facts.root, readonly: hostConfig.ReadonlyRootfs },
    ...(ownUts && { hostname: config.Hostname }),
    mounts: facts.mounts,
    linux: {
      namespaces: namespaces(spec, ownUts, facts.unifiedCgroups),
      cgroupsPath: facts.cgroup,
      resources: {
        ...facts.resources,
        devices: hostConfig.Privileged ? [EVERY_DEVICE] : [...DEVICE_RULES, ...facts.deviceRules],
      },
      devices: facts.devices,
      sysctl: sysctls(spec, ownUts),
      maskedPaths: hostConfig.MaskedPaths ?? (hostConfig.Privileged ? [] : MASKED_PATHS),
      readonlyPaths: hostConfig.ReadonlyPaths ?? (hostConfig.Privileged ? [] : READONLY_PATHS),
      ...(propagation && { rootfsPropagation: propagation }),
      ...(facts.seccomp && { seccomp: facts.seccomp }),
    },
  };
}

function containerProcess({ args, config, hostConfig }: ContainerRecord, facts: HostFacts): OciProcess {
  const oomScoreAdj = hostConfig['OomScoreAdj'];
  return {
    terminal: config.Tty,
    user: facts.user,
    args: hostConfig.Init ? [INIT_PATH, '--', ...args] : args,
    env: environment(
      [`PATH=${PATH}`, `HOSTNAME=${config.Hostname}`, ...(config.Tty ? ['TERM=xterm'] : [])],
      config.Env ?? [],
    ),
    cwd: config.WorkingDir || '/',
    capabilities: ociCapabilities(facts.capabilities),
    ...(hostConfig.Ulimits?.length && {
      rlimits: hostConfig.Ulimits.map(({ Name, Soft, Hard }) => ({
        type: `RLIMIT_${Name.toUpperCase()}`,
        soft: Soft,
        hard: Hard,
      })),
    }),
    noNewPrivileges: (hostConfig.SecurityOpt ?? []).some((option) => /^no-new-privileges([:=]true)?$/.test(option)),
    oomScoreAdj: typeof oomScoreAdj === 'number' ? oomScoreAdj : 0,
  };
}

export function ociCapabilities(names: readonly string[]): OciProcess['capabilities'] {
  return { bounding: names, effective: names, permitted: names };
}

/** Variables `NAME=value` over others of the same name; `NAME` alone takes one away. */
export function environment(base: readonly string[], over: readonly string[]): readonly string[] {
  const variables = new Map<string, string>();
  for (const variable of [...base, ...over]) {
    const name = variable.split('=', 1)[0] ?? '';
    if (variable.includes('=')) variables.set(name, variable);
    else variables.delete(name);
  }
  return [...variables.values()];
}

function namespaces(spec: StartSpec, ownUts: boolean, unifiedCgroups: boolean): OciConfig['linux']['namespaces'] {
  const { IpcMode, PidMode } = spec.container.hostConfig;
  const joined = (type: 'ipc' | 'pid', mode: string, pid: number | undefined): OciConfig['linux']['namespaces'] => {
    if (mode === 'host') return [];
    return [pid === undefined ? { type } : { type, path: `/proc/${pid}/ns/${type}` }];
  };
  return [
    { type: 'mount' },
    ...(spec.networkNamespace === null ? [] : [{ type: 'network', path: spec.networkNamespace }]),
    ...(ownUts ? [{ type: 'uts' }] : []),
    ...joined('pid', PidMode, spec.joinPid),
    ...joined('ipc', IpcMode, spec.joinIpc),
    ...(unifiedCgroups ? [{ type: 'cgroup' }] : []),
  ];
}

function sysctls({ container, networkNamespace }: StartSpec, ownUts: boolean): Readonly<Record<string, string>> {
  const { config, hostConfig } = container;
  return {
    // As Docker since 20.03: low ports and ping without capabilities, in the container's own network only.
    ...(networkNamespace !== null && {
      'net.ipv4.ip_unprivileged_port_start': '0',
      'net.ipv4.ping_group_range': '0 2147483647',
    }),
    ...(ownUts && config.Domainname !== '' && { 'kernel.domainname': config.Domainname }),
    ...hostConfig.Sysctls,
  };
}
