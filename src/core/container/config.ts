/** What a user asks of a container, in the shape and spelling of the Engine API. Plain JSON. */

type Strings = readonly string[];
type StringMap = Readonly<Record<string, string>>;

export interface HealthConfig {
  readonly Test?: Strings;
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly Retries?: number;
  readonly StartPeriod?: number;
}

export interface ContainerConfig {
  readonly Hostname: string;
  readonly Domainname: string;
  readonly User: string;
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Tty: boolean;
  readonly OpenStdin: boolean;
  readonly StdinOnce: boolean;
  readonly Env: Strings | null;
  readonly Cmd: Strings | null;
  readonly Healthcheck?: HealthConfig;
  readonly Image: string;
  readonly Volumes: Readonly<Record<string, object>> | null;
  readonly WorkingDir: string;
  readonly Entrypoint: Strings | null;
  readonly MacAddress?: string;
  readonly OnBuild: Strings | null;
  readonly Labels: StringMap;
  readonly StopSignal?: string;
  readonly StopTimeout?: number;
  /** Of the image: what runs a health check that is a line of shell. */
  readonly Shell?: Strings;
}

export interface HostPort {
  readonly HostIp: string;
  readonly HostPort: string;
}

export interface MountRequest {
  readonly Type: 'bind' | 'volume' | 'tmpfs';
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly BindOptions?: { readonly Propagation?: string };
  readonly VolumeOptions?: { readonly NoCopy?: boolean; readonly Labels?: StringMap };
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number };
}

/** The fields that the engine or the runtime reads; others are kept and shown, as Docker does. */
export interface HostConfig {
  readonly Binds: Strings | null;
  readonly LogConfig: { readonly Type: string; readonly Config: StringMap };
  readonly NetworkMode: string;
  readonly PortBindings: Readonly<Record<string, readonly HostPort[]>> | null;
  readonly RestartPolicy: { readonly Name: string; readonly MaximumRetryCount: number };
  readonly AutoRemove: boolean;
  readonly VolumesFrom: Strings | null;
  readonly Mounts?: readonly MountRequest[];
  readonly CapAdd: Strings | null;
  readonly CapDrop: Strings | null;
  readonly Dns: Strings | null;
  readonly DnsOptions: Strings | null;
  readonly DnsSearch: Strings | null;
  readonly ExtraHosts: Strings | null;
  readonly GroupAdd: Strings | null;
  readonly IpcMode: string;
  readonly PidMode: string;
  readonly Links: Strings | null;
  readonly Privileged: boolean;
  readonly PublishAllPorts: boolean;
  readonly ReadonlyRootfs: boolean;
  readonly SecurityOpt: Strings | null;
  readonly ShmSize: number;
  readonly Tmpfs?: StringMap;
  readonly Sysctls?: StringMap;
  readonly Ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[] | null;
  readonly Memory: number;
  readonly MemorySwap: number;
  readonly NanoCpus: number;
  readonly CpuShares: number;
  readonly CpuQuota: number;
  readonly CpuPeriod: number;
  readonly PidsLimit: number | null;
  readonly Init?: boolean;
  readonly Devices:
    | readonly { readonly PathOnHost: string; readonly PathInContainer: string; readonly CgroupPermissions: string }[]
    | null;
  readonly MaskedPaths: Strings | null;
  readonly ReadonlyPaths: Strings | null;
  readonly [other: string]: unknown;
}
