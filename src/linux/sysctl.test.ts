import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readSysctl, writeSysctl } from './sysctl.ts';

/** Hides IPv6 as a kernel does that was started without it. */
const kernel = vi.hoisted(() => ({ hasIpv6: true }));

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>();
  const shown = (path: string) =>
    kernel.hasIpv6 || !path.startsWith('/proc/sys/net/ipv6/') ? path : '/proc/sys/net/missing';
  return {
    ...fs,
    existsSync: (path: string) => fs.existsSync(shown(path)),
    readFileSync: (path: string, encoding: 'utf8') => fs.readFileSync(shown(path), encoding),
  };
});

let folder: string;
let called: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'c-sysctl-'));
  called = join(folder, 'called');
  writeFileSync(join(folder, 'modprobe'), `#!/bin/sh\necho "$@" > ${called}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test('a setting of bridge filtering that is missing has its module loaded, and no other has', () => {
  expect(() => writeSysctl('net/ipv4/c_missing', '1')).toThrow('ENOENT');
  expect(existsSync(called)).toBe(false);
  expect(() => writeSysctl('net/bridge/c_missing', '1')).toThrow('ENOENT');
  expect(existsSync(called)).toBe(true);
});

test('a setting is read without its line feed; one that is missing has no value', () => {
  expect(readSysctl('net/ipv4/ip_forward')).toMatch(/^[01]$/);
  expect(readSysctl('net/ipv4/c_missing')).toBeUndefined();
});

test('on a kernel without IPv6, it is off and takes no advertisements; nothing else is said of it', () => {
  kernel.hasIpv6 = false;
  try {
    expect(readSysctl('net/ipv6/conf/all/disable_ipv6')).toBe('1');
    expect(readSysctl('net/ipv6/conf/br0/accept_ra')).toBe('0');
    expect(readSysctl('net/ipv6/conf/all/forwarding')).toBe('0');
    expect(readSysctl('net/ipv6/conf/all/hop_limit')).toBeUndefined();
  } finally {
    kernel.hasIpv6 = true;
  }
  expect(readSysctl('net/ipv6/conf/c_missing/disable_ipv6')).toBeUndefined();
});

test('a name that leads out of the settings is refused', () => {
  expect(() => readSysctl('net/../../self/environ')).toThrow('not the name of a sysctl');
});
