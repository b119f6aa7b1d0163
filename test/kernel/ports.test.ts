/** How ports may be asked for, what is given, and who has it then. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { HOST_ADDRESS, Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;
const IMAGE = 'busybox:1.36';

beforeAll(async () => {
  stage = await Stage.set('passerelle-ports');
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterEach(async () => {
  const ids = (await stage.docker('ps', '-aq')).split('\n').filter(Boolean);
  if (ids.length > 0) await stage.docker('rm', '-f', ...ids);
});

afterAll(() => stage.close());

const run = (name: string, ...options: string[]): Promise<string> =>
  stage.docker('run', '-d', '--name', name, '--hostname', name, ...options, IMAGE, 'httpd', '-f', '-h', '/etc');
const ports = async (name: string): Promise<readonly string[]> =>
  (await stage.docker('port', name)).split('\n').toSorted();
const fromWorld = async (port: string): Promise<string> =>
  (await stage.onWorld('curl', ['-s', '-m', '1', `http://${HOST_ADDRESS}:${port}/hostname`])).stdout.trim();
const onHost = async (where: string): Promise<string> =>
  (await stage.onHost('curl', ['-sg', '-m', '1', `http://${where}/hostname`])).stdout.trim();

test('ranges one to one, one of a range, one address, any port', async () => {
  const asked = ['9000-9002:80-82', '9100-9101:80', '127.0.0.1:9200:92/udp', '[::1]:9300:80', '127.0.0.1::80', '95'];
  await run('web', ...asked.flatMap((port) => ['-p', port]), '--expose', '96');
  const given = await ports('web');
  const fixed = given.filter((line) => /:9\d\d\d$/.test(line));
  expect(fixed).toEqual([
    '80/tcp -> 0.0.0.0:9000',
    '80/tcp -> 0.0.0.0:9100',
    '80/tcp -> ::1:9300',
    '80/tcp -> :::9000',
    '80/tcp -> :::9100',
    '81/tcp -> 0.0.0.0:9001',
    '81/tcp -> :::9001',
    '82/tcp -> 0.0.0.0:9002',
    '82/tcp -> :::9002',
    '92/udp -> 127.0.0.1:9200',
  ]);
  const [, any] = /^80\/tcp -> 127\.0\.0\.1:(\d+)$/m.exec(given.join('\n'))!;
  expect(given.join('\n')).toMatch(/^95\/tcp -> 0\.0\.0\.0:(\d+)\n95\/tcp -> :::\1$/m);
  expect(Number(any)).toBeGreaterThanOrEqual(32_768);
  expect(await fromWorld('9000')).toBe('web');
  expect(await fromWorld('9100')).toBe('web');
  expect(await onHost(`127.0.0.1:${any}`)).toBe('web');
  expect(await fromWorld(any!)).toBe('');
  expect(await onHost('[::1]:9300')).toBe('web');
  expect(await onHost('127.0.0.1:9300')).toBe('');
});

test('a range is given out port by port, and then no more; what was released is given again', async () => {
  for (const name of ['one', 'two']) await run(name, '-p', '9700-9701:80');
  expect(await ports('one')).toContain('80/tcp -> 0.0.0.0:9700');
  expect(await ports('two')).toContain('80/tcp -> 0.0.0.0:9701');
  const third = ['run', '-d', '--name', 'three', '-p', '9700-9701:80', IMAGE, 'true'];
  expect((await stage.outside(stage.client, third)).stderr).toContain('all ports are allocated');
  await stage.docker('rm', '-f', 'one', 'three');
  await run('four', '-p', '9700-9701:80');
  expect(await ports('four')).toContain('80/tcp -> 0.0.0.0:9700');
  expect(await fromWorld('9700')).toBe('four');
  expect(await fromWorld('9701')).toBe('two');
});

test('-P publishes all that is exposed', async () => {
  await run('web', '-P', '--expose', '80-81', '--expose', '53/udp');
  const given = await ports('web');
  expect(given.map((line) => line.replace(/\d+$/, 'N'))).toEqual([
    '53/udp -> 0.0.0.0:N',
    '53/udp -> :::N',
    '80/tcp -> 0.0.0.0:N',
    '80/tcp -> :::N',
    '81/tcp -> 0.0.0.0:N',
    '81/tcp -> :::N',
  ]);
  expect(await fromWorld(given[2]!.split(':').at(-1)!)).toBe('web');
});

test('a port is held by the daemon while it is published, and no longer', async () => {
  const bound = async (): Promise<string> => (await stage.onHost('ss', ['-ltunH', 'sport = :9400'])).stdout;
  expect(await bound()).toBe('');
  await run('web', '-p', '9400:80', '-p', '9400:53/udp');
  expect((await bound()).trim().split('\n')).toHaveLength(4);
  await stage.docker('stop', '-t', '0', 'web');
  expect(await bound()).toBe('');
  await stage.docker('start', 'web');
  expect((await bound()).trim().split('\n')).toHaveLength(4);
});

test('a network says what address ports are bound to if they name none', async () => {
  const option = 'com.docker.network.bridge.host_binding_ipv4=127.0.0.1';
  await stage.docker('network', 'create', '-o', option, 'inward');
  await run('web', '--network', 'inward', '-p', '9500:80', '-p', `${HOST_ADDRESS}:9501:80`);
  expect(await ports('web')).toEqual(['80/tcp -> 127.0.0.1:9500', `80/tcp -> ${HOST_ADDRESS}:9501`]);
  expect(await onHost('127.0.0.1:9500')).toBe('web');
  expect(await fromWorld('9500')).toBe('');
  expect(await fromWorld('9501')).toBe('web');
});

test('ports of a container without a gateway are published nowhere', async () => {
  await stage.docker('network', 'create', '--internal', 'inside');
  await run('shut', '--network', 'inside', '-p', '9600:80');
  await run('alone', '--network', 'none', '-p', '9600:80');
  for (const name of ['shut', 'alone']) expect(await stage.docker('port', name)).toBe('');
  expect((await stage.onHost('iptables-save', [])).stdout).not.toContain('9600');
  await stage.docker('network', 'connect', 'bridge', 'shut');
  expect(await fromWorld('9600')).toBe('shut');
});
