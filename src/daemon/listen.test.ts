import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isServed, listen, parseHost } from './listen.ts';

let folder: string;
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'f-listen-'));
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});

function server(): Server {
  const made = createServer();
  servers.push(made);
  return made;
}

test.each([
  ['unix:///run/a.sock', { kind: 'unix', path: '/run/a.sock' }],
  ['tcp://127.0.0.1:2375', { kind: 'tcp', address: '127.0.0.1', port: 2375 }],
  ['tcp://localhost:1', { kind: 'tcp', address: '127.0.0.1', port: 1 }],
  ['tcp://[::1]:2375', { kind: 'tcp', address: '::1', port: 2375 }],
])('%s', (host, endpoint) => {
  expect(parseHost(host)).toEqual(endpoint);
});

test.each([
  ['/run/a.sock', 'expected unix:///path/to.sock or tcp://127.0.0.1:PORT'],
  ['unix://a.sock', 'expected unix:///'],
  ['tcp://127.0.0.1', 'expected unix:///'],
  ['tcp://127.0.0.1:99999', 'expected unix:///'],
  ['tcp://example.org:1', 'expected unix:///'],
  ['tcp://0.0.0.0:2375', 'loopback addresses only'],
  ['tcp://192.168.1.1:2375', 'use ssh'],
  [`unix:///${'x'.repeat(107)}`, 'longer than 107 bytes'],
])('%s is refused', (host, message) => {
  expect(() => parseHost(host)).toThrow(message);
});

test('the socket is for its group alone, whatever the umask is', async () => {
  const path = join(folder, 'deep/a.sock');
  await listen(server(), { kind: 'unix', path });
  expect(statSync(path).mode & 0o777).toBe(0o660);
  expect(await isServed(path)).toBe(true);
});

test('a socket that is served is refused, one that is left over is replaced', async () => {
  const path = join(folder, 'a.sock');
  await listen(server(), { kind: 'unix', path });
  await expect(listen(server(), { kind: 'unix', path })).rejects.toThrow('is served by another process');

  const left = join(folder, 'left.sock');
  const script = `require('net').createServer().listen(${JSON.stringify(left)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  expect(await isServed(left)).toBe(false);
  await listen(server(), { kind: 'unix', path: left });
  expect(await isServed(left)).toBe(true);
});

test('a file is never replaced', async () => {
  const path = join(folder, 'file');
  writeFileSync(path, '');
  await expect(listen(server(), { kind: 'unix', path })).rejects.toThrow('is no socket');
});
