/** The name server of a sandbox, asked with dig from inside it. The test's own process stands in a namespace that plays the host. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import packet from 'dns-packet';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Names, Upstream } from '../../src/core/engine/names.ts';
import type { ResolverObject } from '../../src/core/plan/object.ts';
import type { Step } from '../../src/core/plan/step.ts';
import { HostSockets } from '../../src/daemon/sockets.ts';
import { createNamespace, enterNamespace, removeNamespace } from '../../src/linux/namespace.ts';
import { address, code, DnsServers, type Reply } from '../support/dns-servers.ts';

const run = mkdtempSync(join(tmpdir(), 'g-names-'));
const host = join(run, 'g-host');
const sandbox = join(run, 'g-box');
const inside = (...command: string[]) => ['nsenter', [`--net=${sandbox}`, ...command]] as const;
const shell = (...command: string[]) => execFileSync(...inside(...command), { encoding: 'utf8', stdio: 'pipe' });
const start = (...command: string[]) => promisify(execFile)(...inside(...command)).then(({ stdout }) => stdout);
const dig = (...words: string[]) => start('dig', '@127.0.0.11', '+tries=1', '+time=9', ...words);
// What dig says of a try that was lost starts with semicolons.
const short = async (...words: string[]) => (await dig('+short', ...words)).match(/^[^;\n].*$/gm)?.sort() ?? [];

let upstream: Upstream = { servers: [] };
const names: Names = {
  lookup: (box, name) => {
    if (box !== 'box') return undefined;
    const lower = name.toLowerCase();
    if (lower === 'web' || lower === 'web.net-test') return { ipv4: ['172.20.0.2', '172.20.0.3'], ipv6: ['fd00::2'] };
    if (lower === 'many') return { ipv4: Array.from({ length: 200 }, (_, n) => `10.0.0.${n}`), ipv6: [] };
    if (lower === 'broken') throw new Error('no such record');
    return undefined;
  },
  reverse: (_, address) => (address === '172.20.0.2' ? 'web.net-test' : undefined),
  upstream: () => upstream,
};
const warnings: string[] = [];
const sockets = new HostSockets({ names, namespacePath: () => sandbox, warn: (message) => warnings.push(message) });
const resolver: ResolverObject & Step['object'] = {
  kind: 'resolver',
  sandbox: 'box',
  owner: { kind: 'sandbox', id: 'box', name: 'box' },
  why: 'answers for names',
};

const openSockets = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;

/** Each at an address of the host's loopback. */
const servers = new DnsServers();
const { asked } = servers;
const stub = (at: string, reply: Reply): void => servers.add(at, reply);

const from = (...addresses: string[]): Upstream => ({
  servers: addresses.map((server) => ({ address: server, from: 'host' })),
});

beforeAll(async () => {
  createNamespace(host);
  createNamespace(sandbox);
  enterNamespace(host);
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  shell('ip', 'link', 'set', 'lo', 'up');
  await sockets.apply([{ op: 'add', object: resolver }]);
});

afterEach(() => servers.clear());

afterAll(async () => {
  await sockets.close();
  removeNamespace(sandbox);
  removeNamespace(host);
  rmSync(run, { recursive: true });
});

describe('names of our own', () => {
  test('are answered over UDP and TCP, whatever their letter case', async () => {
    for (const transport of ['+notcp', '+tcp']) {
      expect(await short(transport, 'web')).toEqual(['172.20.0.2', '172.20.0.3']);
      expect(await short(transport, 'WEB.Net-Test', 'AAAA')).toEqual(['fd00::2']);
      expect(await short(transport, '-x', '172.20.0.2')).toEqual(['web.net-test.']);
    }
    const answer = await dig('WeB', 'TXT');
    expect(answer).toMatch(/status: NOERROR.*ANSWER: 0/s);
    expect(answer).toContain(';WeB.');
    expect(answer).toContain('SERVER: 127.0.0.11#53');
  });

  test('are found by the C library and by nslookup', async () => {
    expect(await start('nslookup', 'web', '127.0.0.11')).toContain('Address: 172.20.0.2');
  });

  test('that do not fit are truncated over UDP; the client comes again over TCP', async () => {
    expect(await dig('+ignore', '+noedns', 'many')).toMatch(/flags:[^;]* tc/);
    expect(await short('+ignore', '+bufsize=4096', 'many')).toHaveLength(200);
    expect(await short('+noedns', 'many')).toHaveLength(200);
  });

  test('are answered to whoever asked, of many that ask at once', async () => {
    // By ids and types it is told whose answers they are.
    const script = `
      const packet = require(${JSON.stringify(createRequire(import.meta.url).resolve('dns-packet'))});
      const ask = (first, type) => new Promise((resolve) => {
        const ids = [];
        const socket = require('dgram').createSocket('udp4', (answer) => {
          const { id, answers, questions } = packet.decode(answer);
          if (answers.length === (type === 'A' ? 2 : 1) && questions[0].type === type) ids.push(id);
          if (ids.length === 200) resolve(new Set(ids).size + ' from ' + Math.min(...ids));
        });
        for (let id = first; id < first + 200; id++) {
          socket.send(packet.encode({ id, questions: [{ name: 'web', type }] }), 53, '127.0.0.11');
        }
      });
      Promise.all([ask(1000, 'A'), ask(2000, 'AAAA')]).then((told) => {
        console.log(told.join(', '));
        process.exit();
      });`;
    expect(await start(process.execPath, '-e', script)).toBe('200 from 1000, 200 from 2000\n');
  });

  test('an error of the engine is a failure to the client, and is told', async () => {
    expect(await dig('broken')).toContain('SERVFAIL');
    expect(warnings.splice(0).join()).toContain('broken: Error: no such record');
  });

  test('a container that serves port 53 itself does not get in the way', async () => {
    const server = execFile(...inside('socat', 'UDP4-RECVFROM:53,bind=0.0.0.0,fork', 'SYSTEM:true'));
    try {
      await expect.poll(() => shell('ss', '-Hlnu')).toContain('0.0.0.0:53');
      expect(await short('web')).toHaveLength(2);
    } finally {
      server.kill();
    }
  });
});

describe('other names', () => {
  test('go to the first server, with everything that was asked, and come back as they are', async () => {
    const options: string[] = [];
    stub('127.0.1.1', (query) => {
      options.push(
        JSON.stringify(query.additionals?.map((opt) => (opt as { udpPayloadSize?: number }).udpPayloadSize)),
      );
      return {
        answers: [{ name: 'Example.org', type: 'TXT', ttl: 7, data: 'as is' }],
        flags: packet.AUTHORITATIVE_ANSWER,
      };
    });
    upstream = from('127.0.1.1');
    const answer = await dig('Example.org', 'TXT', '+bufsize=1400');
    expect(answer).toMatch(/flags: qr aa.*Example\.org\.\s+7\s+IN\s+TXT\s+"as is"/s);
    expect(options).toEqual(['[1400]']);
  });

  test('a server that fails, refuses, is closed or unreachable makes room for the next', async () => {
    stub('127.0.1.1', code(2));
    stub('127.0.1.2', code(5));
    stub('127.0.1.3', address('192.0.2.3'));
    for (const transport of ['+notcp', '+tcp']) {
      upstream = from('127.0.1.1', '127.0.1.2', '127.0.1.3');
      expect(await short(transport, 'example.org')).toEqual(['192.0.2.3']);
      upstream = from('127.0.1.9', '198.51.100.1', '127.0.1.3');
      expect(await short(transport, 'example.org')).toEqual(['192.0.2.3']);
    }
  });

  test('a silent server costs four seconds', async () => {
    stub('127.0.1.1', () => undefined);
    stub('127.0.1.2', address('192.0.2.2'));
    upstream = from('127.0.1.1', '127.0.1.2');
    const began = Date.now();
    expect(await short('example.org')).toEqual(['192.0.2.2']);
    expect(Date.now() - began).toBeGreaterThan(3900);
    expect(Date.now() - began).toBeLessThan(6000);
  });

  test('only three servers are asked; the last refusal is handed on', async () => {
    for (const last of [1, 2, 3, 4]) stub(`127.0.1.${last}`, code(5));
    upstream = from('127.0.1.1', '127.0.1.2', '127.0.1.3', '127.0.1.4');
    expect(await dig('example.org')).toContain('REFUSED');
    expect(asked.map((line) => line.split(' ')[0])).toEqual(['127.0.1.1', '127.0.1.2', '127.0.1.3']);
  });

  test('NXDOMAIN is an answer', async () => {
    stub('127.0.1.1', code(3));
    stub('127.0.1.2', address('192.0.2.2'));
    upstream = from('127.0.1.1', '127.0.1.2');
    expect(await dig('example.org')).toContain('NXDOMAIN');
  });

  test('a truncated answer brings the client back over TCP, and so does the server get it', async () => {
    stub('127.0.1.1', (query, transport) =>
      transport === 'udp' ? { flags: packet.TRUNCATED_RESPONSE } : address('192.0.2.4')(query, 'tcp'),
    );
    upstream = from('127.0.1.1');
    expect(await short('example.org')).toEqual(['192.0.2.4']);
    expect(asked).toEqual(['127.0.1.1 udp example.org', '127.0.1.1 tcp example.org']);
  });

  test('a server that is asked from the sandbox is looked for in there', async () => {
    stub('127.0.1.1', address('192.0.2.1'));
    const servers = [{ address: '127.0.1.1', from: 'sandbox' as const }];
    upstream = { servers };
    for (const transport of ['+notcp', '+tcp']) expect(await dig(transport, 'example.org')).toContain('SERVFAIL');
    expect(asked).toEqual([]);
    const tcpdump = execFile(...inside('socat', '-u', 'UDP4-RECV:53,bind=127.0.1.1', 'STDOUT'));
    let received = '';
    tcpdump.stdout?.on('data', (data) => (received += data));
    try {
      await expect.poll(() => shell('ss', '-Hlnu')).toContain('127.0.1.1:53');
      const answer = dig('example.org', '+time=1').catch(() => '');
      await expect.poll(() => received).toContain('example');
      await answer;
    } finally {
      tcpdump.kill();
    }
  });

  test('go nowhere if there is no server', async () => {
    upstream = { servers: [] };
    expect(await dig('example.org')).toContain('SERVFAIL');
  });

  test('a flood is bounded and neither starves our names nor leaks sockets', async () => {
    stub('127.0.1.1', () => undefined);
    upstream = from('127.0.1.1');
    const before = openSockets();
    // 3000 questions from one socket in the sandbox.
    const script = `
      const packet = require(${JSON.stringify(createRequire(import.meta.url).resolve('dns-packet'))});
      const socket = require('dgram').createSocket('udp4');
      socket.on('message', (answer) => {
        const { rcode } = packet.decode(answer);
        console.log(rcode);
        process.exit();
      });
      let id = 0;
      const send = () => {
        for (let n = 0; n < 100; n++, id++) {
          socket.send(packet.encode({ id, questions: [{ name: 'n' + id + '.example.org', type: 'A' }] }), 53, '127.0.0.11');
        }
        if (id < 3000) setTimeout(send, 10);
      };
      send();`;
    const flooded = start(process.execPath, '-e', script);
    await expect.poll(() => openSockets(), { timeout: 5000 }).toBeGreaterThan(before + 900);
    // One that is lost in the flood is asked again, as every resolver does.
    expect(await short('web', '+tries=5', '+time=1')).toHaveLength(2);
    expect(openSockets()).toBeLessThanOrEqual(before + 1024 + 5);
    expect(await flooded).toBe('SERVFAIL\n');
    await expect.poll(() => openSockets(), { timeout: 8000 }).toBeLessThanOrEqual(before);
  }, 20_000);
});

describe('what is wrong', () => {
  test('rubbish over UDP and TCP does not stop it', async () => {
    const script = `
      const crypto = require('crypto');
      const socket = require('dgram').createSocket('udp4');
      for (let n = 0; n < 500; n++) socket.send(crypto.randomBytes(n % 90), 53, '127.0.0.11');
      for (let n = 0; n < 50; n++) {
        const tcp = require('net').connect(53, '127.0.0.11', () => tcp.end(crypto.randomBytes(n * 7)));
        tcp.on('error', () => {}).on('data', () => {});
      }
      setTimeout(() => process.exit(), 500);`;
    upstream = { servers: [] };
    await start(process.execPath, '-e', script);
    expect(await short('web')).toHaveLength(2);
    expect(await short('+tcp', 'web')).toHaveLength(2);
  });

  test('a client that ends its half of the connection still gets its answers', async () => {
    const script = `
      const packet = require(${JSON.stringify(createRequire(import.meta.url).resolve('dns-packet'))});
      const tcp = require('net').connect({ port: 53, host: '127.0.0.11', allowHalfOpen: true });
      const ask = (id) => packet.streamEncode({ id, questions: [{ name: 'web', type: 'A' }] });
      tcp.end(Buffer.concat([ask(1), ask(2)]));
      let size = 0;
      tcp.on('data', (data) => (size += data.length)).on('end', () => console.log(size > 60 ? 'both' : size));`;
    expect(await start(process.execPath, '-e', script)).toBe('both\n');
  });
});

describe('coming and going', () => {
  test('a second name server of the same sandbox is refused and harms nothing', async () => {
    await expect(sockets.apply([{ op: 'add', object: resolver }])).rejects.toThrow(
      'name server 127.0.0.11 in box: Address already in use',
    );
    expect(await short('web')).toHaveLength(2);
  });

  test('a new daemon takes over from one that was killed', async () => {
    const successor = new HostSockets({ names, namespacePath: () => sandbox, warn: () => {} });
    await successor.apply([{ op: 'add', object: resolver }]);
    expect(shell('nft', 'list', 'ruleset').match(/dnat to/g)).toHaveLength(2);
    expect(await short('web')).toHaveLength(2);
    await successor.apply([{ op: 'remove', object: resolver }]);
    expect(shell('nft', 'list', 'ruleset')).toBe('');
    await sockets.apply([{ op: 'change', object: resolver, before: resolver }]);
    expect(await short('web')).toHaveLength(2);
  });

  test('after removal nothing is left of it, and it does not keep the namespace alive', async () => {
    upstream = { servers: [{ address: '127.0.1.1', from: 'sandbox' }] };
    const silent = execFile(...inside('socat', '-u', 'UDP4-RECV:53,bind=127.0.1.1', 'STDOUT'));
    await expect.poll(() => shell('ss', '-Hlnu')).toContain('127.0.1.1:53');
    const waiting = dig('example.org', '+time=1').catch(() => 'no answer');
    await expect.poll(() => shell('ss', '-Hnua')).toMatch(/ESTAB.*127\.0\.1\.1:53/);
    await sockets.apply([{ op: 'remove', object: resolver }]);
    silent.kill();
    expect(await waiting).toBe('no answer');
    expect(shell('ss', '-Hlntu')).not.toContain('127.0.0.11');
    expect(shell('nft', 'list', 'ruleset')).toBe('');
    // A veth's end in the host goes when the other end's namespace does.
    shell('ip', 'link', 'add', 'g-in', 'type', 'veth', 'peer', 'name', 'g-out', 'netns', String(process.pid));
    removeNamespace(sandbox);
    await expect.poll(() => execFileSync('ip', ['link'], { encoding: 'utf8' })).not.toContain('g-out');
  });

  test('removing one whose namespace is gone is no error', async () => {
    createNamespace(sandbox);
    shell('ip', 'link', 'set', 'lo', 'up');
    await sockets.apply([{ op: 'add', object: resolver }]);
    removeNamespace(sandbox);
    await sockets.apply([{ op: 'remove', object: resolver }]);
  });

  test('one that cannot be made says so and leaves nothing', async () => {
    const before = openSockets();
    const added = sockets.apply([{ op: 'add', object: resolver }]);
    await expect(added).rejects.toMatchObject({ name: 'SocketError', code: 'ENOENT' });
    expect(openSockets()).toBe(before);
  });
});
