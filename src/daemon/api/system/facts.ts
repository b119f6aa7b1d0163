/** What the API tells of the daemon and the machine that it runs on. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import type { HostDefaults } from '../containers/host-config.ts';

export interface SystemFacts {
  /** What the whole is called. */
  readonly platform: string;
  /** What whoever asks for information should know. */
  readonly warnings: readonly string[];
  /** The engine's own version. */
  readonly version: string;
  readonly commit: string;
  readonly hostDefaults: HostDefaults;
  readonly cgroupVersion: '1' | '2';
  readonly dataRoot: string;
  /** Identifies this daemon for as long as its data lives. */
  readonly id: string;
  readonly kernelVersion: string;
  readonly operatingSystem: string;
  readonly osVersion: string;
  /** Go's name for it (`amd64`), and the kernel's (`x86_64`). */
  readonly architecture: string;
  readonly machine: string;
  readonly processors: number;
  readonly memory: number;
  readonly hostname: string;
  readonly insecureRegistries: readonly string[];
}

const ARCHITECTURES: Readonly<Record<string, readonly [go: string, kernel: string]>> = {
  x64: ['amd64', 'x86_64'],
  arm64: ['arm64', 'aarch64'],
  ia32: ['386', 'i686'],
  arm: ['arm', 'armv7l'],
};

type Told = Pick<SystemFacts, 'version' | 'commit' | 'dataRoot' | 'id' | 'insecureRegistries'>;

export async function readSystemFacts(daemon: Told): Promise<SystemFacts> {
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string): string => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? '';
  const cgroupVersion = existsSync('/sys/fs/cgroup/cgroup.controllers') ? '2' : '1';
  return {
    ...daemon,
    ...machineFacts(),
    platform: 'Passerelle',
    warnings: [],
    hostDefaults: { cgroupNamespace: cgroupVersion === '2' ? 'private' : 'host' },
    cgroupVersion,
    kernelVersion: release(),
    operatingSystem: field('PRETTY_NAME'),
    osVersion: field('VERSION_ID'),
  };
}

/** Of a daemon whose host is a model. */
export function simulatedSystemFacts(daemon: Told): SystemFacts {
  return {
    ...daemon,
    ...machineFacts(),
    platform: 'Passerelle (simulated)',
    warnings: ['WARNING: the host and its containers are simulated: no kernel is asked, and no program is run'],
    hostDefaults: { cgroupNamespace: 'private' },
    cgroupVersion: '2',
    kernelVersion: 'model',
    operatingSystem: 'a Linux in memory (simulated)',
    osVersion: '',
  };
}

function machineFacts(): Pick<SystemFacts, 'architecture' | 'machine' | 'processors' | 'memory' | 'hostname'> {
  const [architecture, machine] = ARCHITECTURES[arch()] ?? [arch(), arch()];
  return { architecture, machine, processors: cpus().length, memory: totalmem(), hostname: hostname() };
}
