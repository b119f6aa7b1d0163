/** What the API tells of the daemon: version and information. */
import type { ContainerStatus } from '../../../core/container/container.ts';
import { NEWEST, OLDEST, printVersion } from '../http/version.ts';
import type { SystemFacts } from './facts.ts';

export function presentVersion(facts: SystemFacts): object {
  const { version, commit, architecture, kernelVersion } = facts;
  return {
    Platform: { Name: facts.platform },
    Components: [
      {
        Name: 'Engine',
        Version: version,
        Details: {
          ApiVersion: printVersion(NEWEST),
          Arch: architecture,
          Experimental: 'false',
          GitCommit: commit,
          KernelVersion: kernelVersion,
          MinAPIVersion: printVersion(OLDEST),
          NodeVersion: process.version,
          Os: 'linux',
        },
      },
    ],
    Version: version,
    ApiVersion: printVersion(NEWEST),
    MinAPIVersion: printVersion(OLDEST),
    GitCommit: commit,
    GoVersion: '',
    Os: 'linux',
    Arch: architecture,
    KernelVersion: kernelVersion,
    BuildTime: '',
  };
}

/** What changes while the daemon runs. */
export interface SystemState {
  readonly containers: readonly ContainerStatus[];
  readonly images: number;
  readonly time: string;
}

export function presentInfo(facts: SystemFacts, state: SystemState): object {
  const count = (...statuses: ContainerStatus[]): number =>
    state.containers.filter((status) => statuses.includes(status)).length;
  const running = count('running', 'restarting');
  const paused = count('paused');
  return {
    ID: facts.id,
    Containers: state.containers.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: state.containers.length - running - paused,
    Images: state.images,
    Driver: 'overlay2',
    DriverStatus: [],
    Plugins: { Volume: ['local'], Network: ['bridge', 'host', 'null'], Authorization: null, Log: ['json-file'] },
    MemoryLimit: true,
    SwapLimit: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: true,
    BridgeNfIptables: true,
    BridgeNfIp6tables: true,
    Debug: false,
    OomKillDisable: facts.cgroupVersion === '1',
    SystemTime: state.time,
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: facts.cgroupVersion,
    KernelVersion: facts.kernelVersion,
    OperatingSystem: facts.operatingSystem,
    OSVersion: facts.osVersion,
    OSType: 'linux',
    Architecture: facts.machine,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: {
      InsecureRegistryCIDRs: ['127.0.0.0/8', ...facts.insecureRegistries.filter((entry) => entry.includes('/'))],
      IndexConfigs: { 'docker.io': { Name: 'docker.io', Mirrors: [], Secure: true, Official: true } },
      Mirrors: [],
    },
    NCPU: facts.processors,
    MemTotal: facts.memory,
    GenericResources: null,
    DockerRootDir: facts.dataRoot,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    Name: facts.hostname,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: facts.version,
    Runtimes: { runc: { path: 'runc' } },
    DefaultRuntime: 'runc',
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: '',
    SecurityOptions: ['name=seccomp,profile=default'],
    Warnings: facts.warnings.length > 0 ? facts.warnings : null,
  };
}
