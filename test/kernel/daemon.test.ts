/** The daemon as who runs it meets it: start, stop, refusals, the socket, versions of the API. */
import { spawn } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set('passerelle-daemon');
  await stage.startDaemon('--log-format', 'json');
});

afterAll(() => stage.close());

/** Status and body of a request. */
async function ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: string }> {
  const data = body === undefined ? [] : ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)];
  const { stdout } = await stage.outside('curl', [
    '-s',
    '-m',
    '5',
    '-X',
    method,
    '--unix-socket',
    stage.socket,
    '-w',
    '\n%{http_code}',
    ...data,
    `http://localhost${path}`,
  ]);
  const at = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at).trim() };
}

test('its process is told to keep little memory, and does not tell those that it starts', async () => {
  const of = async (pid: number | string, file: string) =>
    (await readFile(`/proc/${pid}/${file}`, 'utf8')).split('\0').join(' ');
  const daemon = stage.daemonPid!;
  expect(await of(daemon, 'cmdline')).toMatch(/--max-semi-space-size=\d+ .*passerelle\.js daemon --host/);
  expect(await of(daemon, 'environ')).toContain('MALLOC_');
  // It serves every change of the rules.
  const started = await Promise.all(
    (await readdir(`/proc/${daemon}/task`)).map((task) => of(daemon, `task/${task}/children`)),
  );
  for (const child of started.join(' ').split(' ').filter(Boolean)) {
    expect(await of(child, 'environ')).not.toContain('MALLOC_');
  }
});

describe('the API', () => {
  test('listens on a socket that only its owner and group may use', async () => {
    expect(((await stat(stage.socket)).mode & 0o777).toString(8)).toBe('660');
  });

  test.each(['', '/v1.21', '/v1.38', '/v1.41', '/v1.50', '/v1.51'])('answers at version %j', async (version) => {
    expect(await ask('GET', `${version}/_ping`)).toEqual({ status: 200, body: 'OK' });
    const { status, body } = await ask('GET', `${version}/networks`);
    expect(status).toBe(200);
    expect((JSON.parse(body) as { Name: string }[]).map(({ Name }) => Name).sort()).toEqual(['bridge', 'host', 'none']);
  });

  test.each([
    ['/v1.52/networks', 'client version 1.52 is too new. Maximum supported API version is 1.51'],
    ['/v1.20/networks', 'client version 1.20 is too old. Minimum supported API version is 1.21'],
  ])('refuses %s', async (path, message) => {
    const { status, body } = await ask('GET', path);
    expect(status).toBe(400);
    expect((JSON.parse(body) as { message: string }).message).toContain(message);
  });

  test.each([
    ['POST', '/build'],
    ['POST', '/commit?container=x'],
    ['POST', '/swarm/init'],
  ])('%s %s is not ours: 501, and what to use instead', async (method, path) => {
    const { status, body } = await ask(method, path, {});
    expect(status).toBe(501);
    expect((JSON.parse(body) as { message: string }).message).toMatch(/: (build with|export one with|run one engine)/);
  });

  test('says that there is no swarm to leave', async () => {
    expect(await ask('POST', '/swarm/leave')).toEqual({
      status: 503,
      body: '{"message":"This node is not part of a swarm"}',
    });
  });

  test('gives an error for what does not exist', async () => {
    expect((await ask('GET', '/nothing')).status).toBe(404);
    expect(await ask('GET', '/v1.41/networks/nope')).toEqual({
      status: 404,
      body: '{"message":"network nope not found"}',
    });
    expect(await ask('GET', '/v1.41/containers/nope/json')).toEqual({
      status: 404,
      body: '{"message":"No such container: nope"}',
    });
  });

  test.each([
    ['not JSON', '{"Name":', 400],
    ['a wrong type', '{"Name": 5}', 400],
    ['no name', '{}', 400],
  ])('refuses %s as the body of a new network', async (_, body, status) => {
    const { stdout } = await stage.outside('curl', [
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '--unix-socket',
      stage.socket,
      '-H',
      'Content-Type: application/json',
      '-d',
      body,
      'http://localhost/v1.41/networks/create',
    ]);
    expect(Number(stdout)).toBe(status);
  });

  test('takes nothing from a name to a shell or into a rule', async () => {
    const before = (await stage.onHost('iptables-save', [])).stdout.split('\n').filter((line) => line.startsWith('-A'));
    for (const name of ['$(touch /tmp/owned)', 'a; reboot', '-j ACCEPT', 'x\n-A INPUT -j DROP']) {
      const { status } = await ask('POST', '/v1.41/networks/create', {
        Name: 'evil',
        CheckDuplicate: true,
        Options: { 'com.docker.network.bridge.name': name },
      });
      expect(status, name).toBe(400);
    }
    const after = (await stage.onHost('iptables-save', [])).stdout.split('\n').filter((line) => line.startsWith('-A'));
    expect(after).toEqual(before);
  });
});

const PROGRAM = join(import.meta.dirname, '..', '..', 'dist', 'passerelle.js');

/** A daemon that is expected to refuse: its exit code and what it says. */
function refusing(namespace: string, ...options: string[]): Promise<{ code: number | null; text: string }> {
  return ending('nsenter', `--net=/run/netns/${namespace}`, ...DAEMON, ...options);
}

const DAEMON = [process.execPath, PROGRAM, 'daemon', '--log-format', 'text'];

function ending(program: string, ...options: string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(program, options, { timeout: 20_000 });
  let text = '';
  child.stdout.on('data', (data: Buffer) => (text += data.toString()));
  child.stderr.on('data', (data: Buffer) => (text += data.toString()));
  return new Promise((done) => child.once('close', (code) => done({ code, text })));
}

describe('a second daemon', () => {
  test('on the same data refuses to start, and says what to do', async () => {
    const { code, text } = await refusing(
      stage.world,
      '--host',
      `unix://${stage.directory}/second.sock`,
      '--data-root',
      stage.dataRoot,
      '--exec-root',
      join(stage.directory, 'run2'),
    );
    expect(code).toBe(1);
    expect(text).toContain(stage.dataRoot);
    expect(text).toMatch(/another|already/);
  });

  test('in the same network namespace refuses to start', async () => {
    const { code, text } = await refusing(
      stage.host,
      '--host',
      `unix://${stage.directory}/second.sock`,
      '--data-root',
      join(stage.directory, 'data2'),
      '--exec-root',
      join(stage.directory, 'run2'),
    );
    expect(code).toBe(1);
    expect(text).toMatch(/network namespace/);
  });
});

test.each([
  ['an unknown flag', ['--no-such-flag'], /no-such-flag/],
  ['a wrong value', ['--mtu', 'large'], /mtu/],
  ['a wrong address', ['--bip', '1.2.3'], /bip/],
])('%s stops the start with a sentence', async (_, options, text) => {
  const result = await refusing(stage.world, '--data-root', join(stage.directory, 'data3'), ...options);
  expect(result.code).not.toBe(0);
  expect(result.text).toMatch(text);
});

test.each(['conmon', 'runc'])('without %s the start ends with a sentence, not with a trace', async (program) => {
  const hide = `mount --bind /dev/null $(command -v ${program}); exec nsenter "$@"`;
  const place = ['--data-root', join(stage.directory, 'data4'), '--exec-root', join(stage.directory, 'run4')];
  const there = `--net=/run/netns/${stage.world}`;
  const { code, text } = await ending('unshare', '-m', 'sh', '-c', hide, 'sh', there, ...DAEMON, ...place);
  expect(code).toBe(1);
  expect(text).toMatch(new RegExp(`: install ${program}\\n$`));
});

describe('SIGTERM', () => {
  test('ends it with 0, its socket goes, and it starts again', async () => {
    expect(await stage.stopDaemon('SIGTERM')).toBe(0);
    await stage.startDaemon('--log-format', 'text');
    expect((await ask('GET', '/_ping')).status).toBe(200);
  });
});

describe('a host that routes already', () => {
  test('keeps its policy; one that does not is made to route, and to drop what nothing accepts', async () => {
    const other = await Stage.set('passerelle-router');
    try {
      await other.startDaemon();
      expect((await other.onHost('iptables', ['-S', 'FORWARD'])).stdout).toContain('-P FORWARD DROP');
      await other.stopDaemon();
      await other.startDaemon();
      expect((await other.onHost('iptables', ['-S', 'FORWARD'])).stdout).toContain('-P FORWARD DROP');
    } finally {
      await other.close();
    }
    const router = await Stage.set('passerelle-router');
    try {
      await router.onHost('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
      await router.startDaemon();
      expect((await router.onHost('iptables', ['-S', 'FORWARD'])).stdout).toContain('-P FORWARD ACCEPT');
    } finally {
      await router.close();
    }
  });
});
