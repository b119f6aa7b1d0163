import { describe, expect, test } from 'vitest';
import type { ContainerConfig, HostConfig } from './config.ts';
import type { ContainerMount } from './container.ts';
import { parseBind, wantedMounts } from './mounts.ts';

describe('binds', () => {
  test.each<{ bind: string; mount: Partial<ContainerMount> }>([
    {
      bind: '/a:/b',
      mount: { type: 'bind', source: '/a', destination: '/b', writable: true, propagation: 'rprivate', copy: false },
    },
    { bind: '/a:/b:ro', mount: { writable: false, mode: 'ro' } },
    { bind: '/a:/b:rw,shared,z', mount: { writable: true, propagation: 'shared', mode: 'rw,shared,z' } },
    { bind: '/a/../x/./y:/b//c/', mount: { source: '/x/y', destination: '/b/c' } },
    { bind: '/../..:/b', mount: { source: '/' } },
    { bind: 'data:/b', mount: { type: 'volume', name: 'data', source: '', mode: 'z', copy: true, propagation: '' } },
    { bind: 'data:/b:nocopy,ro', mount: { type: 'volume', copy: false, writable: false } },
  ])('$bind', ({ bind, mount }) => {
    expect(parseBind(bind)).toMatchObject(mount);
  });

  test.each([
    { bind: '/a', text: "invalid volume specification: '/a'" },
    { bind: ':/b', text: "invalid volume specification: ':/b'" },
    { bind: '/a:/b:ro:x', text: "invalid volume specification: '/a:/b:ro:x'" },
    { bind: '/a:b', text: "invalid volume specification: '/a:b': invalid mount path: 'b' mount path must be absolute" },
    { bind: '/a:/', text: "invalid volume specification: '/a:/': invalid specification: destination can't be '/'" },
    {
      bind: '/a:/b/..',
      text: "invalid volume specification: '/a:/b/..': invalid specification: destination can't be '/'",
    },
    { bind: '/a:/b:fast', text: 'invalid mode: fast' },
    {
      bind: './a:/b',
      text: 'create ./a: "./a" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    },
  ])('$bind is refused', ({ bind, text }) => {
    expect(() => parseBind(bind)).toThrow(expect.objectContaining({ code: 'invalid', message: text }));
  });
});

const mounts = (
  host: Partial<HostConfig>,
  volumes: ContainerConfig['Volumes'] = null,
  from: Parameters<typeof wantedMounts>[2] = [],
) => wantedMounts({ Volumes: volumes } as ContainerConfig, { Binds: null, ...host } as HostConfig, from);

const VOLUME: ContainerMount = {
  type: 'volume',
  name: 'theirs',
  source: '/volumes/theirs',
  destination: '/data',
  mode: '',
  writable: true,
  propagation: '',
  copy: true,
};

describe('mounts', () => {
  test('of each kind', () => {
    expect(
      mounts({
        Mounts: [
          { Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true, BindOptions: { Propagation: 'rslave' } },
          { Type: 'volume', Target: '/c', VolumeOptions: { NoCopy: true } },
          { Type: 'tmpfs', Target: '/d', TmpfsOptions: { SizeBytes: 4096, Mode: 0o1777 } },
        ],
      }),
    ).toMatchObject([
      { type: 'bind', source: '/a', destination: '/b', writable: false, propagation: 'rslave' },
      { type: 'volume', name: '', destination: '/c', copy: false },
      { type: 'tmpfs', destination: '/d', mode: 'size=4096,mode=1777' },
    ]);
  });

  test.each<{ mount: NonNullable<HostConfig['Mounts']>[number]; text: string }>([
    {
      mount: { Type: 'bind', Source: '/a', Target: '' },
      text: 'invalid mount config for type "bind": field Target must not be empty',
    },
    {
      mount: { Type: 'bind', Target: '/b' },
      text: 'invalid mount config for type "bind": field Source must not be empty',
    },
    {
      mount: { Type: 'bind', Source: 'a', Target: '/b' },
      text: `invalid mount config for type "bind": invalid mount path: 'a' mount path must be absolute`,
    },
    {
      mount: { Type: 'volume', Source: '../a', Target: '/b' },
      text: 'invalid mount config for type "volume": invalid volume name "../a"',
    },
    {
      mount: { Type: 'npipe' as 'bind', Target: '/b' },
      text: 'invalid mount config for type "npipe": mount type unknown',
    },
  ])('$text', ({ mount, text }) => {
    expect(() => mounts({ Mounts: [mount] })).toThrow(expect.objectContaining({ code: 'invalid', message: text }));
  });

  test('what the image declares is a nameless volume, unless something is mounted there', () => {
    expect(mounts({ Binds: ['/a:/one'] }, { '/one': {}, '/two/': {} })).toMatchObject([
      { type: 'bind', destination: '/one' },
      { type: 'volume', name: '', destination: '/two', copy: true },
    ]);
  });

  test('those of another container come where nothing else is, and may be for reading only', () => {
    const others = [{ mounts: [VOLUME, { ...VOLUME, destination: '/log' }], mode: 'ro' }];
    expect(mounts({ Binds: ['/a:/log'] }, { '/data': {} }, others)).toMatchObject([
      { type: 'bind', destination: '/log' },
      { name: 'theirs', destination: '/data', writable: false, copy: false },
    ]);
  });

  test('two for one place are refused', () => {
    expect(() => mounts({ Binds: ['/a:/x', '/b:/x/'] })).toThrow('Duplicate mount point: /x');
  });
});
