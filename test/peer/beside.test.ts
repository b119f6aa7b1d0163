/** Two engines would own the same chains: none starts where a dockerd runs. Where one ran, its chains are taken over. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Dockerd } from '../support/dockerd.ts';

const PROGRAM = resolve(import.meta.dirname, '../../dist/passerelle.js');
let dockerd: Dockerd;

beforeAll(async () => {
  dockerd = await Dockerd.start('passerelle-beside');
});

afterAll(() => dockerd?.close());

/** Our daemon in dockerd's namespace: its output and exit code, once it has ended or `answers` is in its output. */
async function daemon(answers?: string): Promise<{ readonly text: string; readonly code: number | null }> {
  const place = join(dockerd.directory, 'passerelle');
  const options = ['--host', `unix://${place}.sock`, '--data-root', place, '--exec-root', `${place}-run`];
  const command = [`--net=/run/netns/${dockerd.netns}`, process.execPath, PROGRAM, 'daemon', ...options];
  const child = execFile('nsenter', [...command, '--log-format', 'text'], { timeout: 30_000 });
  const closed = once(child, 'close');
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (data: string) => {
      text += data;
      if (answers && text.includes(answers)) child.kill('SIGTERM');
    });
  }
  await closed;
  return { text, code: child.exitCode };
}

/** nat and filter, without counters. */
async function rules(): Promise<readonly string[]> {
  const save = await dockerd.onHost('iptables-save', []);
  return save
    .split('\n')
    .filter((line) => /^[:-]/.test(line))
    .map((line) => line.replace(/ \[.*/, ''));
}

test('beside a live dockerd the start is refused with a sentence, and nothing changes', async () => {
  const before = await rules();
  const { text, code } = await daemon();
  expect(code).toBe(1);
  expect(text).toContain(`dockerd (pid ${dockerd.pid}) runs in this network namespace and owns the same chains`);
  expect(text).toContain('stop it (systemctl stop docker.service docker.socket)');
  expect(await rules()).toEqual(before);
});

test('once dockerd has ended, the start finds its chains and leaves nothing twice', async () => {
  await dockerd.stop();
  const before = await rules();
  await daemon('listening');
  const after = await rules();
  expect(after.filter((line) => line.startsWith('-A')).toSorted()).toEqual(
    [...new Set(after.filter((line) => line.startsWith('-A')))].toSorted(),
  );
  expect(before.filter((line) => !after.includes(line))).toEqual([]);
});
