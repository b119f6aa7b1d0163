/** The conversation with iptables-restore, on each of the two that there are. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Iptables } from '../../src/linux/iptables.ts';
import { createNamespace, removeNamespace, withNamespace } from '../../src/linux/namespace.ts';

const PATH = process.env['PATH'];
let directory: string;
let host: string;
let iptables: Iptables;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'perf-iptables-'));
  host = join(directory, 'host');
  createNamespace(host);
  iptables = new Iptables();
});
afterEach(async () => {
  process.env['PATH'] = PATH;
  iptables.close();
  // Closed, each ends.
  await expect.poll(children).toEqual([]);
  removeNamespace(host);
  rmSync(directory, { recursive: true });
});

/** The process lives where it was started: the later calls need not be made there. */
const restore = (family: 'ip' | 'ip6', ...lines: readonly string[]) =>
  withNamespace(host, () => iptables.restore(family, lines.map((line) => `${line}\n`).join('')));

const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean);

describe.each(['nft', 'legacy'])('iptables-%s', (variant) => {
  beforeEach(() => {
    // The plain names mean this variant.
    for (const family of ['ip', 'ip6']) {
      symlinkSync(`/usr/sbin/${family}tables-${variant}-restore`, join(directory, `${family}tables-restore`));
    }
    process.env['PATH'] = `${directory}:${PATH}`;
  });

  const foreign = (...args: string[]) =>
    execFileSync('nsenter', [`--net=${host}`, `iptables-${variant}`, ...args], { encoding: 'utf8' });
  const forward = () => foreign('-S', 'FORWARD').trim().split('\n').slice(1);
  const rule = (link: string) => `FORWARD -i ${link} -j ACCEPT`;

  test('one process serves one change after another, and sees what others change between', () => {
    expect(restore('ip', '*filter', `-A ${rule('a')}`, 'COMMIT')).toBeUndefined();
    expect(forward()).toEqual([`-A ${rule('a')}`]);
    const [pid] = children();
    foreign('-I', 'FORWARD', '-i', 'foreign', '-j', 'DROP');
    foreign('-D', 'FORWARD', '-i', 'a', '-j', 'ACCEPT');
    expect(restore('ip', '*nat', 'COMMIT', '*filter', `-A ${rule('b')}`, 'COMMIT')).toBeUndefined();
    expect(restore('ip', '*filter', `-D ${rule('b')}`, `-I ${rule('c')}`, 'COMMIT')).toBeUndefined();
    expect(forward()).toEqual([`-A ${rule('c')}`, '-A FORWARD -i foreign -j DROP']);
    expect(children()).toEqual([pid]);
  });

  test('what it refuses is told by its line in that script, and the next script is done', () => {
    expect(restore('ip', '*filter', `-A ${rule('a')}`, 'COMMIT')).toBeUndefined();
    const failure = restore('ip', '*nat', 'COMMIT', '*filter', `-A ${rule('b')}`, `-D ${rule('gone')}`, 'COMMIT');
    expect(failure).toEqual({ message: expect.stringMatching(/line:? 5\b/), code: '1', line: 5 });
    expect(forward()).toEqual([`-A ${rule('a')}`]);
    expect(restore('ip', '*filter', `-D ${rule('a')}`, 'COMMIT')).toBeUndefined();
    expect(forward()).toEqual([]);
  });

  test('a process that was killed is replaced', async () => {
    expect(restore('ip', '*filter', `-A ${rule('a')}`, 'COMMIT')).toBeUndefined();
    process.kill(Number(children()[0]), 'SIGKILL');
    expect(restore('ip', '*filter', `-A ${rule('b')}`, 'COMMIT')).toEqual({
      message: 'iptables-restore ended with SIGKILL',
      code: 'SIGKILL',
      line: 0,
    });
    expect(restore('ip', '*filter', `-A ${rule('c')}`, 'COMMIT')).toBeUndefined();
    process.kill(Number(children().at(-1)), 'SIGKILL');
    await expect.poll(children).toEqual([]);
    expect(restore('ip', '*filter', `-A ${rule('d')}`, 'COMMIT')).toBeUndefined();
    expect(forward()).toEqual([`-A ${rule('a')}`, `-A ${rule('c')}`, `-A ${rule('d')}`]);
  });

  test('a script may be longer than a pipe holds, also one that is refused at its beginning', () => {
    const many = Array.from({ length: 2000 }, (_, index) => `-A ${rule(`link${index}`)}`);
    expect(restore('ip', '*filter', '-A FORWARD --nonsense', ...many, 'COMMIT')?.line).toBe(2);
    expect(restore('ip', '*filter', ...many, 'COMMIT')).toBeUndefined();
    expect(forward()).toEqual(many);
  });

  test('each family has its own', () => {
    expect(restore('ip', '*filter', `-A ${rule('a')}`, 'COMMIT')).toBeUndefined();
    expect(restore('ip6', '*filter', `-A ${rule('b')}`, 'COMMIT')).toBeUndefined();
    expect(forward()).toEqual([`-A ${rule('a')}`]);
    expect(children()).toHaveLength(2);
  });
});

test('without the tools it says what to install', () => {
  process.env['PATH'] = directory;
  expect(restore('ip', '*filter', 'COMMIT')).toEqual({
    message: 'iptables-restore is not installed: install iptables',
    code: 'ENOENT',
    line: 0,
  });
});
