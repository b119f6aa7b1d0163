import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readSysctl, writeSysctl } from './sysctl.ts';

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

test('a name that leads out of the settings is refused', () => {
  expect(() => readSysctl('net/../../self/environ')).toThrow('not the name of a sysctl');
});
