import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findInNamespace, lockDataRoot, lockNetworkNamespace } from './lock.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'f-lock-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

test('one daemon for each data root', () => {
  const lock = lockDataRoot(join(folder, 'data'));
  expect(() => lockDataRoot(join(folder, 'data'))).toThrow(`another daemon (pid ${process.pid}) uses the data in`);
  lockDataRoot(join(folder, 'other')).release();
  lock.release();
  lockDataRoot(join(folder, 'data')).release();
});

test('one daemon for each network namespace', async () => {
  const name = `\0${folder}`;
  const lock = await lockNetworkNamespace(name);
  await expect(lockNetworkNamespace(name)).rejects.toThrow('another daemon runs in this network namespace');
  lock.release();
  (await lockNetworkNamespace(name)).release();
});

test('a process is found by its name, in our namespace only', async () => {
  const name = 'f-findme';
  cpSync('/bin/sleep', join(folder, name));
  expect(await findInNamespace(name)).toBeUndefined();
  const child = spawn(join(folder, name), ['60']);
  await once(child, 'spawn');
  await expect.poll(() => findInNamespace(name)).toBe(child.pid);
  child.kill();
  await once(child, 'exit');
  const isRoot = spawnSync('unshare', ['--net', 'true']).status === 0;
  if (!isRoot) return;
  const elsewhere = spawn('unshare', ['--net', join(folder, name), '60']);
  await once(elsewhere, 'spawn');
  await expect
    .poll(() =>
      spawnSync('cat', [`/proc/${elsewhere.pid}/comm`])
        .stdout.toString()
        .trim(),
    )
    .toBe(name);
  expect(await findInNamespace(name)).toBeUndefined();
  elsewhere.kill();
  await once(elsewhere, 'exit');
});
