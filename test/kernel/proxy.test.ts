/** The userland proxy between namespaces. The test's own process stands in one that plays the host; a veth pair leads to the container's. */
import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ListenerObject } from '../../src/core/plan/object.ts';
import type { Step } from '../../src/core/plan/step.ts';
import { openUdpProxy } from '../../src/daemon/proxy/udp-proxy.ts';
import { HostSockets } from '../../src/daemon/sockets.ts';
import { createNamespace, enterNamespace, removeNamespace } from '../../src/linux/namespace.ts';
import { bundleRelay } from './worker.ts';

const run = mkdtempSync(join(tmpdir(), 'g-proxy-'));
const host = join(run, 'g-host');
const container = join(run, 'g-container');
const CONTAINER = '172.30.0.2';
const warnings: string[] = [];
const relay = await bundleRelay();
const sockets = new HostSockets({
  relay,
  names: { lookup: () => undefined, reverse: () => undefined, upstream: () => ({ servers: [] }) },
  namespacePath: () => container,
  warn: (message) => warnings.push(message),
});

const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' });
const here = (command: string, ...words: string[]) => execFileSync(command, words, { encoding: 'utf8', stdio: 'pipe' });
/** For what talks to the proxy, which lives in this process. */
const meanwhile = (command: string, ...words: string[]) =>
  promisify(execFile)(command, words).then(({ stdout }) => stdout);
const listeners = () => here('ss', '-Hlntu').replaceAll(/ +/g, ' ');

/** Processes in the container, ended after each test. */
const started: (() => void)[] = [];
async function serve(port: number, protocol: 'tcp' | 'udp', command: string, ...words: string[]): Promise<void> {
  const inside = ['nsenter', `--net=${container}`] as const;
  const process = execFile(inside[0], [inside[1], command, ...words]);
  started.push(() => process.kill());
  const list = protocol === 'tcp' ? '-Hlnt' : '-Hlnu';
  await expect
    .poll(() => here(inside[0], inside[1], 'ss', list), { timeout: 20_000 })
    .toMatch(new RegExp(`:${port}\\b`));
}
const serveWith = (port: number, protocol: 'tcp' | 'udp', script: string) =>
  serve(port, protocol, process.execPath, '-e', script);

type ListenerStep = Extract<Step<ListenerObject>, { op: 'add' | 'remove' }>;
const step = (op: 'add' | 'remove', listener: Partial<ListenerObject>): ListenerStep => ({
  op,
  object: {
    kind: 'listener',
    protocol: 'tcp',
    address: '0.0.0.0',
    port: 8080,
    target: { address: CONTAINER, port: 80 },
    forward: true,
    owner: { kind: 'endpoint', id: 'e', name: 'e' },
    why: 'publishes a port',
    ...listener,
  },
});
const held: Partial<ListenerObject>[] = [];
async function publish(listener: Partial<ListenerObject> = {}): Promise<void> {
  await sockets.apply([step('add', listener)]);
  held.push(listener);
}

const connect = async (port = 8080, address = '127.0.0.1') => {
  const socket = net.connect({ port, host: address, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
};
async function everything(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

/** Expects an echo. */
async function everythingSaid(text: string, socket: net.Socket): Promise<void> {
  socket.end(text);
  expect(String(await everything(socket))).toBe(text);
}

beforeAll(() => {
  createNamespace(host);
  createNamespace(container);
  enterNamespace(host);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'g-veth', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', container);
  ip('address', 'add', '172.30.0.1/24', 'dev', 'g-veth');
  ip('address', 'add', 'fd30::1/64', 'dev', 'g-veth', 'nodad');
  ip('link', 'set', 'g-veth', 'up');
  const inside = (...words: string[]) => here('nsenter', `--net=${container}`, 'ip', ...words);
  inside('address', 'add', `${CONTAINER}/24`, 'dev', 'eth0');
  inside('address', 'add', 'fd30::2/64', 'dev', 'eth0', 'nodad');
  inside('link', 'set', 'eth0', 'up');
  inside('link', 'set', 'lo', 'up');
});

afterEach(async () => {
  for (const end of started.splice(0)) end();
  await sockets.apply(held.splice(0).map((listener) => step('remove', listener)));
  expect(listeners()).toBe('');
  expect(warnings.splice(0)).toEqual([]);
});

afterAll(async () => {
  await sockets.close();
  removeNamespace(container);
  removeNamespace(host);
  rmSync(run, { recursive: true });
});

describe('tcp', () => {
  test('a web server answers curl on loopback, on the host address, and over IPv6', async () => {
    writeFileSync(join(run, 'page'), 'hello');
    await serve(80, 'tcp', 'busybox', 'httpd', '-f', '-p', '80', '-h', run);
    await publish();
    await publish({ address: '::' });
    for (const at of ['127.0.0.1', '172.30.0.1', '[::1]', '[fd30::1]']) {
      expect(await meanwhile('curl', '-sg', `http://${at}:8080/page`)).toBe('hello');
    }
    expect(await meanwhile('nsenter', `--net=${container}`, 'curl', '-s', 'http://172.30.0.1:8080/page')).toBe('hello');
  });

  test('each half ends on its own', async () => {
    // Answers with what it got, once it has got all of it.
    await serveWith(
      80,
      'tcp',
      `require('net').createServer({ allowHalfOpen: true }, (s) => {
        const all = []; s.on('data', (d) => all.push(d)).on('end', () => s.end(Buffer.concat(all)));
      }).listen(80)`,
    );
    await publish();
    const socket = await connect();
    socket.end('all of it');
    expect(String(await everything(socket))).toBe('all of it');
  });

  test('the container may end first and still be sent to', async () => {
    await serveWith(
      80,
      'tcp',
      `const got = [];
       require('net').createServer({ allowHalfOpen: true }, (s) => { s.end('bye'); s.on('data', (d) => got.push(d)); }).listen(80);
       require('net').createServer((s) => s.end(Buffer.concat(got))).listen(81)`,
    );
    await publish();
    const socket = await connect();
    expect(String(await everything(socket))).toBe('bye');
    socket.write('one ');
    socket.end('two');
    await expect.poll(async () => String(await everything(net.connect(81, CONTAINER)))).toBe('one two');
  });

  test('64 MB go through whole in both directions at once', async () => {
    await serveWith(80, 'tcp', `require('net').createServer({ allowHalfOpen: true }, (s) => s.pipe(s)).listen(80)`);
    await publish();
    const socket = await connect();
    const block = randomBytes(1 << 20);
    const [sent, received] = [createHash('sha256'), createHash('sha256')];
    const reading = (async () => {
      for await (const chunk of socket) received.update(chunk as Buffer);
    })();
    for (let n = 0; n < 64; n++) {
      sent.update(block);
      if (!socket.write(block)) await once(socket, 'drain');
    }
    socket.end();
    await reading;
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  test('a side that does not read slows the other, and does not fill the memory', async () => {
    await serveWith(80, 'tcp', `require('net').createServer((s) => s.pause()).listen(80)`);
    await publish();
    const socket = await connect();
    const before = process.memoryUsage.rss();
    let written = 0;
    for (let n = 0; n < 200 && !socket.writableNeedDrain; n++) {
      socket.write(Buffer.alloc(1 << 20));
      written = n;
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (socket.writableLength > 0)
        await Promise.race([once(socket, 'drain'), new Promise((r) => setTimeout(r, 300))]);
    }
    expect(written).toBeLessThan(100);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 << 20);
    socket.destroy();
  });

  test('2000 connections at once', async () => {
    await serveWith(80, 'tcp', `require('net').createServer((s) => s.pipe(s)).listen(80, '0.0.0.0', 4096)`);
    await publish();
    const all = await Promise.all(Array.from({ length: 2000 }, () => connect()));
    const answers = await Promise.all(
      all.map(async (socket, n) => {
        socket.end(String(n));
        return String(await everything(socket));
      }),
    );
    expect(answers).toEqual(Array.from({ length: 2000 }, (_, n) => String(n)));
  });

  test('a container that does not listen, or cannot be reached, ends the client at once', async () => {
    await publish();
    const [error] = (await once(net.connect(8080, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  test('an error on one side is an error on the other', async () => {
    await serveWith(
      80,
      'tcp',
      `require('net').createServer((s) => { s.write('part'); s.once('data', () => s.resetAndDestroy()); }).listen(80)`,
    );
    await publish();
    const socket = await connect();
    await once(socket, 'data');
    socket.write('go');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  test('removal ends the connections and frees the port', async () => {
    await serveWith(80, 'tcp', `require('net').createServer((s) => s.pipe(s)).listen(80)`);
    await publish();
    const socket = await connect();
    socket.write('there');
    await once(socket, 'data');
    const closed = once(socket, 'end');
    await sockets.apply([step('remove', {})]);
    await closed;
    expect(here('ss', '-Hnt', 'state', 'established')).toBe('');
    await publish();
  });

  test('a client that says all before the container has answered, and a slow one, keep nobody waiting', async () => {
    await serveWith(80, 'tcp', `require('net').createServer({ allowHalfOpen: true }, (s) => s.pipe(s)).listen(80)`);
    await publish();
    const slow = await connect();
    slow.pause();
    slow.write(Buffer.alloc(32 << 20));
    for (let n = 0; n < 50; n++) {
      const quick = net.connect({ port: 8080, host: '127.0.0.1', allowHalfOpen: true });
      quick.end('at once');
      expect(String(await everything(quick))).toBe('at once');
    }
    // What waited is all there.
    const answer = everything(slow);
    slow.resume().end();
    expect((await answer).length).toBe(32 << 20);
  });

  test('nothing is left open by connections that end, fail, are refused or are cut off', async () => {
    const open = () => readdirSync('/proc/self/fd').length;
    await serveWith(80, 'tcp', `require('net').createServer((s) => s.pipe(s).on('error', () => {})).listen(80)`);
    const nobody = { port: 8081, target: { address: CONTAINER, port: 81 } };
    const round = async () => {
      await publish();
      await publish(nobody);
      const all = await Promise.all(Array.from({ length: 100 }, () => connect()));
      for (const socket of all) socket.on('error', () => {});
      const refused = Array.from({ length: 20 }, () => net.connect(8081, '127.0.0.1'));
      await Promise.all(refused.map((socket) => once(socket, 'error')));
      for (const [n, socket] of all.entries()) {
        if (n % 3 !== 0) socket.write(Buffer.alloc(1 << 18));
        if (n % 3 === 1) socket.resetAndDestroy();
      }
      await sockets.apply(held.splice(0).map((listener) => step('remove', listener)));
      for (const socket of all) socket.destroy();
    };
    await round();
    // The relay keeps a few pipes for the next connections.
    const before = open() + 32;
    for (let n = 0; n < 3; n++) await round();
    await expect.poll(open).toBeLessThanOrEqual(before);
    await expect.poll(() => here('ss', '-Hnt', 'state', 'established', 'dst', CONTAINER)).toBe('');
  });

  test('without file descriptors clients are sent away, and it is told once', async () => {
    await serveWith(80, 'tcp', `require('net').createServer((s) => s.pipe(s)).listen(80)`);
    await publish();
    await everythingSaid('warm', await connect());
    const usual = here('prlimit', `--pid=${process.pid}`, '--nofile', '--noheadings', '--output=SOFT').trim();
    const limit = (soft: number | string) => ['prlimit', `--pid=${process.pid}`, `--nofile=${soft}:`] as const;
    // Takes the limit back itself: here is nothing left to start a process with.
    const clients = `
      let [reset, open] = [0, 0];
      for (let n = 0; n < 100; n++) require('net').connect(8080, '127.0.0.1')
        .on('connect', function () { this.write('x'); }).on('data', () => open++).on('error', () => reset++);
      setInterval(() => {
        if (reset + open < 100) return;
        require('child_process').execSync('${limit(usual).join(' ')}');
        console.log(reset, open);
        process.exit();
      }, 20)`;
    const taken = new Set(readdirSync('/proc/self/fd').map(Number));
    let few = 0;
    for (let free = 0; free < 60; few++) if (!taken.has(few)) free++;
    here(...limit(few));
    const [reset, open] = (await meanwhile(process.execPath, '-e', clients)).split(' ').map(Number);
    expect(reset).toBeGreaterThan(0);
    expect(open).toBeGreaterThan(0);
    expect(warnings.splice(0)).toEqual([expect.stringContaining('LimitNOFILE')]);
    await everythingSaid('again', await connect());
  });

  test('IPv6 to IPv6', async () => {
    await serve(80, 'tcp', 'busybox', 'httpd', '-f', '-p', '[::]:80', '-h', run);
    await publish({ address: 'fd30::1', target: { address: 'fd30::2', port: 80 } });
    writeFileSync(join(run, 'page'), 'six');
    expect(await meanwhile('curl', '-sg', 'http://[fd30::1]:8080/page')).toBe('six');
  });
});

describe('udp', () => {
  const echo = `const s = require('dgram').createSocket('udp4');
    s.on('message', (m, from) => s.send(from.port + ' ' + m, from.port, from.address)).bind(80)`;

  /** Sends from one socket and gives each answer. */
  async function ask(socket: dgram.Socket, text: string, port = 8080, address = '127.0.0.1'): Promise<string> {
    const answered = once(socket, 'message');
    socket.send(text, port, address);
    return String((await answered)[0]);
  }

  test('each client is one port to the container, and gets its own answers, over IPv4 and IPv6', async () => {
    await serveWith(80, 'udp', echo);
    await publish({ protocol: 'udp' });
    await publish({ protocol: 'udp', address: '::' });
    const clients = [dgram.createSocket('udp4'), dgram.createSocket('udp4'), dgram.createSocket('udp6')];
    const ports = new Set<string>();
    for (const [n, client] of clients.entries()) {
      const at = n === 2 ? '::1' : '127.0.0.1';
      const [first, second] = [await ask(client, 'one', 8080, at), await ask(client, 'two', 8080, at)];
      expect([first.split(' ')[1], second.split(' ')[1]]).toEqual(['one', 'two']);
      expect(first.split(' ')[0]).toBe(second.split(' ')[0]);
      ports.add(first.split(' ')[0]!);
    }
    expect(ports.size).toBe(3);
    for (const client of clients) client.close();
  });

  test('datagrams as large as can be', async () => {
    await serveWith(80, 'udp', echo);
    await publish({ protocol: 'udp' });
    const client = dgram.createSocket('udp4');
    expect((await ask(client, 'x'.repeat(60_000))).length).toBeGreaterThan(60_000);
    client.close();
  });

  test('a refusal by the container is survived: it answers when it is there', async () => {
    await publish({ protocol: 'udp' });
    const client = dgram.createSocket('udp4');
    for (let n = 0; n < 3; n++) {
      client.send('nobody there', 8080, '127.0.0.1');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await serveWith(80, 'udp', echo);
    expect(await ask(client, 'now')).toMatch(/ now$/);
    client.close();
  });

  test('a silent client is forgotten, and clients beyond the bound displace the most silent', async () => {
    await serveWith(80, 'udp', echo);
    const sessions = () => here('ss', '-Hnu', 'dst', `${CONTAINER}:80`).trim().split('\n').filter(Boolean).length;
    const proxy = openUdpProxy(step('add', { protocol: 'udp' }).object, (message) => warnings.push(message), {
      idleMs: 400,
      clients: 3,
    });
    const clients = Array.from({ length: 5 }, () => dgram.createSocket('udp4'));
    const ports: string[] = [];
    for (const client of clients) ports.push((await ask(client, 'x')).split(' ')[0]!);
    expect(sessions()).toBe(3);
    expect((await ask(clients[4]!, 'x')).split(' ')[0]).toBe(ports[4]);
    expect((await ask(clients[0]!, 'x')).split(' ')[0]).not.toBe(ports[0]);
    await expect.poll(sessions, { timeout: 3000 }).toBe(0);
    for (const client of clients) client.close();
    proxy.close();
  });

  test('nobody shares the port', async () => {
    await publish({ protocol: 'udp' });
    const thief = dgram.createSocket({ type: 'udp4', reuseAddr: true });
    thief.bind(8080, '0.0.0.0');
    const [error] = (await once(thief, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('EADDRINUSE');
    thief.close();
  });
});

describe('ports', () => {
  const thief = (protocol: 'tcp' | 'udp') =>
    here('bash', '-c', `socat -T1 ${protocol.toUpperCase()}4-LISTEN:8080 - </dev/null 2>&1 || true`);

  test('kept without forwarding: taken for others, and as by dockerd nobody accepts', async () => {
    await publish({ forward: false });
    await publish({ forward: false, protocol: 'udp', address: '::' });
    expect(listeners()).toMatch(/udp UNCONN .* \[::\]:8080 .*\ntcp LISTEN .* 0\.0\.0\.0:8080 /);
    expect(thief('tcp')).toContain('Address already in use');
    const socket = await connect();
    const got = Promise.race([once(socket, 'end'), new Promise((resolve) => setTimeout(resolve, 200, 'nothing'))]);
    expect(await got).toBe('nothing');
    socket.destroy();
  });

  test('the IPv4 and the IPv6 side of a port are two', async () => {
    for (const protocol of ['tcp', 'udp'] as const) {
      await publish({ protocol, address: '::' });
      await publish({ protocol, address: '0.0.0.0' });
    }
    expect(listeners().trim().split('\n')).toHaveLength(4);
  });

  test('sctp takes no port where the kernel has none', async () => {
    await publish({ protocol: 'sctp' });
    expect(listeners()).toBe('');
  });

  test('a port that is taken is refused with its code, and all steps before are taken back', async () => {
    for (const protocol of ['tcp', 'udp'] as const) {
      const taken =
        protocol === 'tcp' ? net.createServer().listen(8082, '0.0.0.0') : dgram.createSocket('udp4').bind(8082);
      await once(taken, 'listening');
      const before = listeners();
      await publish({ port: 8070 });
      const added = sockets.apply([
        step('add', { protocol, port: 8081 }),
        step('remove', { port: 8070 }),
        step('add', { protocol, port: 8082 }),
        step('add', { protocol, port: 8083 }),
      ]);
      await expect(added).rejects.toMatchObject({
        name: 'SocketError',
        code: 'EADDRINUSE',
        message: expect.stringMatching(`^listener 0.0.0.0:8082/${protocol} .*: Address already in use$`),
        step: { object: { port: 8082 } },
      });
      expect(listeners()).toContain(':8070 ');
      await sockets.apply(held.splice(0).map((listener) => step('remove', listener)));
      expect(listeners()).toBe(before);
      taken.close();
      await once(taken, 'close');
    }
  });

  test('an address that is not the host’s, and the same port twice', async () => {
    await expect(publish({ address: '192.0.2.1' })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
    await publish();
    await expect(publish()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(listeners().trim().split('\n')).toHaveLength(1);
  });

  test('a change of the target moves the port to it', async () => {
    const greet = (port: number) => `require('net').createServer((s) => s.end('${port}')).listen(${port})`;
    await serveWith(80, 'tcp', greet(80));
    await serveWith(81, 'tcp', greet(81));
    await publish();
    expect(String(await everything(await connect()))).toBe('80');
    const { object } = step('add', { target: { address: CONTAINER, port: 81 } });
    await sockets.apply([{ op: 'change', object, before: step('add', {}).object }]);
    expect(String(await everything(await connect()))).toBe('81');
  });

  test('1000 ports are taken and let go in a moment, at less than 30 kB each', async () => {
    const ports = Array.from({ length: 1000 }, (_, n) => ({ port: 20_000 + n }));
    const memory = process.memoryUsage.rss();
    await sockets.apply(ports.map((port) => step('add', port)));
    expect((process.memoryUsage.rss() - memory) / 1000).toBeLessThan(30_000);
    expect(here('ss', '-Hlnt').trim().split('\n')).toHaveLength(1000);
    await sockets.apply(ports.map((port) => step('remove', port)));
  });
});
