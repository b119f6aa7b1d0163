import type { ContainerRecord } from '../../../core/container/container.ts';
import type { EtcFile } from '../../../core/engine/runtime.ts';
import type { OciMount } from './config.ts';

const SHM_SIZE = 64 * 1024 * 1024;

export interface MountSources {
  readonly etc: (file: EtcFile) => string;
  /** A directory of the host to use as /dev/shm; undefined: the container's own; null: none at all. */
  readonly shm: string | null | undefined;
  /** The program that is the container's first process if the record asks for an init. */
  readonly init: string | undefined;
}

/** All mounts of a container, in the order in which they are to be made. What a user mounts wins over ours. */
export function ociMounts(container: ContainerRecord, sources: MountSources): readonly OciMount[] {
  const wanted = userMounts(container);
  const taken = new Set(wanted.map(({ destination }) => destination));
  const free = ({ destination }: OciMount): boolean =>
    !taken.has(destination) && !(taken.has('/dev') && destination.startsWith('/dev/'));
  return [
    ...systemMounts(container, sources).filter(free),
    ...[...wanted, ...etcMounts(container, sources).filter(free)].sort(
      (one, other) => depth(one.destination) - depth(other.destination),
    ),
  ];
}

/** How the container's root must share mounts for the propagation of its own ones to work. */
export function rootPropagation(container: ContainerRecord): string | undefined {
  const asked = new Set(container.mounts.map(({ propagation }) => propagation.replace(/^r/, '')));
  if (asked.has('shared')) return 'shared';
  return asked.has('slave') ? 'slave' : undefined;
}

function systemMounts({ hostConfig }: ContainerRecord, { shm, init }: MountSources): readonly OciMount[] {
  const access = hostConfig.Privileged ? [] : ['ro'];
  const closed = ['nosuid', 'noexec', 'nodev'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: closed },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...closed, ...access] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...access, ...closed] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: closed },
    ...(shm === null ? [] : [shm === undefined ? ownShm(hostConfig.ShmSize) : bind('/dev/shm', shm, ['rprivate'])]),
    ...(init === undefined
      ? []
      : [{ destination: INIT_PATH, type: 'bind', source: init, options: ['bind', 'ro'] } satisfies OciMount]),
  ];
}

/** Where the init program is inside a container. */
export const INIT_PATH = '/sbin/docker-init';

/** The mount options of a shared memory of `size` bytes; 0: Docker's default. */
export function shmOptions(size: number): readonly string[] {
  return ['mode=1777', `size=${size || SHM_SIZE}`];
}

function ownShm(size: number): OciMount {
  const options = ['nosuid', 'noexec', 'nodev', ...shmOptions(size)];
  return { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options };
}

function etcMounts({ hostConfig }: ContainerRecord, { etc }: MountSources): readonly OciMount[] {
  const options = hostConfig.ReadonlyRootfs ? ['ro', 'rprivate'] : ['rprivate'];
  return (['resolv.conf', 'hostname', 'hosts'] as const).map((file) => bind(`/etc/${file}`, etc(file), options));
}

function userMounts({ mounts, hostConfig }: ContainerRecord): readonly OciMount[] {
  const tmpfs = Object.entries(hostConfig.Tmpfs ?? {}).map(([path, options]) => tmpfsMount(path, options, true));
  return [
    ...mounts.map(({ type, source, destination, mode, writable, propagation }) =>
      type === 'tmpfs'
        ? tmpfsMount(destination, mode, writable)
        : bind(destination, source, [...(writable ? [] : ['ro']), ...(propagation ? [propagation] : [])]),
    ),
    ...tmpfs,
  ];
}

function bind(destination: string, source: string, options: readonly string[]): OciMount {
  return { destination, type: 'bind', source, options: ['rbind', ...options] };
}

/** `asked` overrides the defaults by their opposites: `exec` stands against `noexec`. */
function tmpfsMount(destination: string, asked: string, writable: boolean): OciMount {
  const options = asked.split(',').filter(Boolean);
  const defaults = ['noexec', 'nosuid', 'nodev'].filter((option) => !options.includes(option.slice(2)));
  return {
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [...new Set([...defaults, 'rprivate', ...(writable ? [] : ['ro']), ...options])],
  };
}

const depth = (path: string): number => path.split('/').length;
