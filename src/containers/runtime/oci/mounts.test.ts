import { expect, test } from 'vitest';
import type { ContainerMount, ContainerRecord } from '../../../core/container/container.ts';
import { ociMounts, rootPropagation } from './mounts.ts';

const SOURCES = { etc: (file: string): string => `/etc-of/${file}`, shm: undefined, init: undefined };

const mount = (more: Partial<ContainerMount>): ContainerMount => ({
  type: 'bind',
  name: '',
  source: '/src',
  destination: '/dst',
  mode: '',
  writable: true,
  propagation: 'rprivate',
  copy: false,
  ...more,
});

const container = (host: object, mounts: readonly ContainerMount[] = []): ContainerRecord =>
  ({ hostConfig: { IpcMode: 'private', ShmSize: 0, ...host }, mounts }) as unknown as ContainerRecord;

const print = (record: ContainerRecord, sources = {}): readonly string[] =>
  ociMounts(record, { ...SOURCES, ...sources }).map(
    ({ destination, type, source, options }) => `${destination} ${type} ${source} ${options.join()}`,
  );

test('without anything asked: as Docker', () => {
  expect(print(container({}))).toEqual([
    '/proc proc proc nosuid,noexec,nodev',
    '/dev tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k',
    '/dev/pts devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5',
    '/sys sysfs sysfs nosuid,noexec,nodev,ro',
    '/sys/fs/cgroup cgroup cgroup ro,nosuid,noexec,nodev',
    '/dev/mqueue mqueue mqueue nosuid,noexec,nodev',
    '/dev/shm tmpfs shm nosuid,noexec,nodev,mode=1777,size=67108864',
    '/etc/resolv.conf bind /etc-of/resolv.conf rbind,rprivate',
    '/etc/hostname bind /etc-of/hostname rbind,rprivate',
    '/etc/hosts bind /etc-of/hosts rbind,rprivate',
  ]);
});

test('what a user mounts takes the place of ours, and is mounted before what lies in it', () => {
  const asked = [
    mount({ destination: '/a/b' }),
    mount({ destination: '/a', writable: false }),
    mount({ destination: '/etc/hosts' }),
  ];
  const tmpfs = { '/dev/shm': 'size=1m,exec', '/run': '' };
  const printed = print(container({ Tmpfs: tmpfs, ReadonlyRootfs: true }, asked));
  expect(printed.slice(6)).toEqual([
    '/a bind /src rbind,ro,rprivate',
    '/run tmpfs tmpfs noexec,nosuid,nodev,rprivate',
    '/a/b bind /src rbind,rprivate',
    '/etc/hosts bind /src rbind,rprivate',
    '/dev/shm tmpfs tmpfs nosuid,nodev,rprivate,size=1m,exec',
    '/etc/resolv.conf bind /etc-of/resolv.conf rbind,ro,rprivate',
    '/etc/hostname bind /etc-of/hostname rbind,ro,rprivate',
  ]);
});

test('a /dev of the user has nothing of ours in it', () => {
  const printed = print(container({}, [mount({ destination: '/dev' })]));
  expect(printed.filter((line) => line.startsWith('/dev'))).toEqual(['/dev bind /src rbind,rprivate']);
});

test('privileged: writable; shared memory of another; an init', () => {
  const printed = print(container({ Privileged: true }), { shm: '/shm-of', init: '/usr/bin/tini-static' });
  expect(printed).toContain('/sys sysfs sysfs nosuid,noexec,nodev');
  expect(printed).toContain('/sys/fs/cgroup cgroup cgroup nosuid,noexec,nodev');
  expect(printed).toContain('/dev/shm bind /shm-of rbind,rprivate');
  expect(printed).toContain('/sbin/docker-init bind /usr/bin/tini-static bind,ro');
  expect(print(container({}), { shm: null }).join()).not.toContain('/dev/shm');
});

test.each([
  [['rprivate', 'rslave'], 'slave'],
  [['slave', 'rshared'], 'shared'],
  [['rprivate', ''], undefined],
])('propagations %j make the root %s', (propagations, expected) => {
  expect(
    rootPropagation(
      container(
        {},
        propagations.map((propagation) => mount({ propagation })),
      ),
    ),
  ).toBe(expected);
});
