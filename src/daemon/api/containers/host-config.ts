/** What a client asks of the host for its container: read as Docker reads it, completed as Docker does. */
import * as v from 'valibot';
import type { HostConfig, MountRequest } from '../../../core/container/config.ts';
import { EngineError } from '../../../core/network/error.ts';
import { bool, decode, given, integer, mapOf, maybe, string, stringMap, strings, struct } from '../http/go.ts';

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
const SHM_SIZE = 64 * 1024 * 1024;

const list = v.optional(v.nullable(v.array(v.unknown(), '[]*blkiodev.ThrottleDevice')), null);
const nullable = <S extends v.GenericSchema>(schema: S) => v.optional(v.nullable(schema), null);
const integerOrNull = nullable(v.pipe(v.number('int64'), v.integer('int64')));

const portBindings = mapOf(
  v.pipe(
    v.nullable(v.array(struct('nat.PortBinding', { HostIp: string, HostPort: string }), '[]nat.PortBinding')),
    v.transform((bindings) => bindings ?? []),
  ),
  '[]nat.PortBinding',
);

const mount = struct('mount.Mount', {
  Type: string,
  Source: given.string,
  Target: string,
  ReadOnly: given.bool,
  Consistency: given.string,
  BindOptions: maybe(struct('mount.BindOptions', { Propagation: given.string, NonRecursive: given.bool })),
  VolumeOptions: maybe(
    struct('mount.VolumeOptions', {
      NoCopy: given.bool,
      Labels: given.stringMap,
      DriverConfig: maybe(struct('mount.Driver', { Name: given.string, Options: given.stringMap })),
    }),
  ),
  TmpfsOptions: maybe(struct('mount.TmpfsOptions', { SizeBytes: given.integer, Mode: given.integer })),
});

/** The limits that an update may change too; in the order in which Docker shows them. */
const resources = {
  CpuShares: integer,
  Memory: integer,
  NanoCpus: integer,
  CgroupParent: string,
  BlkioWeight: integer,
  BlkioWeightDevice: list,
  BlkioDeviceReadBps: list,
  BlkioDeviceWriteBps: list,
  BlkioDeviceReadIOps: list,
  BlkioDeviceWriteIOps: list,
  CpuPeriod: integer,
  CpuQuota: integer,
  CpuRealtimePeriod: integer,
  CpuRealtimeRuntime: integer,
  CpusetCpus: string,
  CpusetMems: string,
  Devices: nullable(
    v.array(
      struct('container.DeviceMapping', { PathOnHost: string, PathInContainer: string, CgroupPermissions: string }),
      '[]container.DeviceMapping',
    ),
  ),
  DeviceCgroupRules: strings,
  DeviceRequests: list,
  KernelMemory: integer,
  KernelMemoryTCP: integer,
  MemoryReservation: integer,
  MemorySwap: integer,
  MemorySwappiness: integerOrNull,
  OomKillDisable: bool,
  PidsLimit: integerOrNull,
  Ulimits: nullable(v.array(struct('units.Ulimit', { Name: string, Soft: integer, Hard: integer }), '[]*units.Ulimit')),
  CpuCount: integer,
  CpuPercent: integer,
  IOMaximumIOps: integer,
  IOMaximumBandwidth: integer,
};

const restartPolicy = struct('container.RestartPolicy', { Name: string, MaximumRetryCount: integer });

/** The fields stand in the order in which Docker shows them. */
export const hostConfigSchema = struct('container.HostConfig', {
  Binds: strings,
  ContainerIDFile: string,
  LogConfig: v.optional(struct('container.LogConfig', { Type: string, Config: v.optional(stringMap, {}) }), {}),
  NetworkMode: string,
  PortBindings: nullable(portBindings),
  RestartPolicy: v.optional(restartPolicy, {}),
  AutoRemove: bool,
  VolumeDriver: string,
  VolumesFrom: strings,
  Annotations: given.stringMap,
  CapAdd: strings,
  CapDrop: strings,
  CgroupnsMode: string,
  Dns: strings,
  DnsOptions: strings,
  DnsSearch: strings,
  ExtraHosts: strings,
  GroupAdd: strings,
  IpcMode: string,
  Cgroup: string,
  Links: strings,
  OomScoreAdj: integer,
  PidMode: string,
  Privileged: bool,
  PublishAllPorts: bool,
  ReadonlyRootfs: bool,
  SecurityOpt: strings,
  StorageOpt: given.stringMap,
  Tmpfs: given.stringMap,
  UTSMode: string,
  UsernsMode: string,
  ShmSize: integer,
  Sysctls: given.stringMap,
  Runtime: string,
  ConsoleSize: v.optional(v.array(v.number('uint'), '[2]uint'), [0, 0]),
  Isolation: string,
  ...resources,
  Mounts: maybe(v.array(mount, '[]mount.Mount')),
  MaskedPaths: strings,
  ReadonlyPaths: strings,
  Init: given.bool,
});

/** What the host decides where the client does not say. */
export interface HostDefaults {
  /** `host` with version 1 control groups, `private` with version 2. */
  readonly cgroupNamespace: string;
}

/** Completes what a client sent in `version` of the API. */
export function completeHostConfig(
  sent: v.InferOutput<typeof hostConfigSchema>,
  version: number,
  defaults: HostDefaults,
): HostConfig {
  const { Mounts, ...rest } = sent;
  const open = sent.Privileged || sent.PidMode === 'host' || sent.IpcMode === 'host';
  return {
    ...rest,
    LogConfig: { Type: sent.LogConfig.Type || 'json-file', Config: sent.LogConfig.Config },
    NetworkMode: sent.NetworkMode || 'default',
    AutoRemove: version >= 25 && sent.AutoRemove,
    CgroupnsMode: sent.CgroupnsMode || (version < 41 ? 'host' : defaults.cgroupNamespace),
    IpcMode: sent.IpcMode || (version < 40 ? 'shareable' : 'private'),
    SecurityOpt: open ? [...(sent.SecurityOpt ?? []), 'label=disable'] : sent.SecurityOpt,
    ShmSize: sent.ShmSize || SHM_SIZE,
    Runtime: sent.Runtime || 'runc',
    // Twice the memory unless something else is said: so does Docker.
    MemorySwap: sent.MemorySwap || (sent.Memory > 0 ? sent.Memory * 2 : 0),
    MemorySwappiness: sent.MemorySwappiness === -1 ? null : sent.MemorySwappiness,
    PidsLimit: (sent.PidsLimit ?? 0) > 0 ? sent.PidsLimit : null,
    ...(Mounts === undefined ? {} : { Mounts: Mounts.map(checkMount) }),
    MaskedPaths: sent.MaskedPaths ?? (sent.Privileged ? null : MASKED_PATHS),
    ReadonlyPaths: sent.ReadonlyPaths ?? (sent.Privileged ? null : READONLY_PATHS),
  };
}

const MOUNT_TYPES: readonly string[] = ['bind', 'volume', 'tmpfs'] satisfies MountRequest['Type'][];

function checkMount(sent: v.InferOutput<typeof mount>): MountRequest {
  if (MOUNT_TYPES.includes(sent.Type)) return sent as MountRequest;
  throw new EngineError('invalid', `mount type unknown: ${JSON.stringify(sent.Type)}: use bind, volume or tmpfs`);
}

const updateSchema = struct('container.UpdateConfig', { ...resources, RestartPolicy: maybe(restartPolicy) });

/** The changes that an update asks for: zero and empty values mean that a limit stays as it is. */
export function decodeUpdate(body: unknown): Partial<HostConfig> {
  const sent = decode('UpdateConfig', updateSchema, body);
  const isGiven = (value: unknown): boolean =>
    Array.isArray(value) ? value.length > 0 : value !== null && value !== 0 && value !== '' && value !== false;
  const changes = Object.entries(sent).filter(([key, value]) => key !== 'RestartPolicy' && isGiven(value));
  return {
    ...Object.fromEntries(changes),
    ...(sent.RestartPolicy?.Name ? { RestartPolicy: sent.RestartPolicy } : {}),
  };
}
