import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import { existsSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createNamespace, isNamespace, removeNamespace, withNamespace } from '../../src/linux/namespace.ts';
import { openTcpListener, openUdp } from '../../src/linux/socket.ts';

const run = mkdtempSync(join(tmpdir(), 'c-namespace-'));
const path = join(run, 'netns', 'c-one');
const here = () => readlinkSync('/proc/thread-self/ns/net');
const inside = (...command: readonly string[]) =>
  execFileSync('nsenter', [`--net=${path}`, ...command], { encoding: 'utf8' });

afterAll(() => {
  removeNamespace(path);
  rmSync(run, { recursive: true });
});

test('a namespace is made, entered, left, and removed; removing twice is no error', () => {
  const home = here();
  createNamespace(path);
  expect(here()).toBe(home);
  expect(JSON.parse(inside('ip', '-j', 'link'))).toMatchObject([{ ifname: 'lo', operstate: 'DOWN' }]);
  expect(withNamespace(path, here)).not.toBe(home);
  expect(here()).toBe(home);
  expect(() => createNamespace(path)).toThrow('File exists');

  expect(() =>
    withNamespace(path, () => {
      throw new Error('inside');
    }),
  ).toThrow('inside');
  expect(here()).toBe(home);
  expect(() => withNamespace(path, async () => {})).toThrow('synchronous');

  removeNamespace(path);
  expect(existsSync(path)).toBe(false);
  removeNamespace(path);
});

test('a bare file that a killed engine left can be removed, and taken over', () => {
  writeFileSync(path, '');
  expect(isNamespace(path)).toBe(false);
  removeNamespace(path);
  expect(existsSync(path)).toBe(false);
  writeFileSync(path, '');
  createNamespace(path);
  expect(isNamespace(path)).toBe(true);
  removeNamespace(path);
});

test('sockets born in the window serve that namespace through Node', async () => {
  createNamespace(path);
  inside('ip', 'link', 'set', 'lo', 'up');
  const [udp, tcp] = withNamespace(path, () => [openUdp('127.0.0.11', 53), openTcpListener('127.0.0.11', 53)]);
  const datagrams = dgram.createSocket('udp4').bind({ fd: udp });
  const server = net.createServer((socket) => socket.end('tcp'));
  await new Promise<void>((listening) => server.listen({ fd: tcp }, listening));
  try {
    const listening = inside('ss', '-Htuln');
    expect(listening).toMatch(/udp .* 127\.0\.0\.11:53/);
    expect(listening).toMatch(/tcp .* 127\.0\.0\.11:53/);
    expect(execFileSync('ss', ['-Htuln'], { encoding: 'utf8' })).not.toContain('127.0.0.11:53');
    expect(() => withNamespace(path, () => openUdp('127.0.0.11', 53))).toThrow('Address already in use');
  } finally {
    datagrams.close();
    server.close();
  }
});
