/** Our own command line against our own daemon, no other client beside it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeBusyboxArchive, writeRegistryArchive } from '../../scripts/images.ts';
import { Stage, type CommandOptions, type Output } from '../../scripts/stage.ts';

const IMAGE = 'busybox:1.36';
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set('passerelle-cli');
  await stage.startDaemon();
});

afterAll(() => stage.close());

const attempt = (words: readonly string[], options?: CommandOptions): Promise<Output> =>
  stage.outside(process.execPath, [stage.program, ...words], options);

async function passerelle(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await attempt(words);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

test('images: load, ls, inspect, tag, rm', async () => {
  const archive = join(stage.directory, 'busybox.tar');
  await writeBusyboxArchive(archive);
  expect(await passerelle('image', 'load', '-i', archive)).toBe(`Loaded image: ${IMAGE}`);
  expect(await passerelle('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}')).toBe(IMAGE);
  await passerelle('image', 'tag', IMAGE, 'mine:now');
  const [header = '', ...rows] = (await passerelle('image', 'ls')).split('\n');
  expect(header.split(/ {2,}/)).toEqual(['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE']);
  expect(rows).toHaveLength(2);
  expect(await passerelle('image', 'rm', 'mine:now')).toBe('Untagged: mine:now');
});

describe('run', () => {
  test.each<[string, string[], number, string, string]>([
    ['its output, and its own exit code', ['sh', '-c', 'echo out; echo err >&2; exit 3'], 3, 'out\n', 'err\n'],
    ['127 for what is not there', ['nothing-of-that-name'], 127, '', 'executable file not found'],
    ['126 for what cannot be executed', ['/etc/hosts'], 126, '', 'permission denied'],
  ])('gives %s', async (_, command, code, stdout, stderr) => {
    const output = await attempt(['run', '--rm', IMAGE, ...command]);
    expect([output.code, output.stdout]).toEqual([code, stdout]);
    expect(output.stderr).toContain(stderr);
  });

  test('gives 125 for what the daemon refuses', async () => {
    const output = await attempt(['run', '--rm', '--network', 'nowhere', IMAGE, 'true']);
    expect(output.code).toBe(125);
    expect(output.stderr).toContain('network nowhere not found');
    expect(await passerelle('ps', '-aq')).toBe('');
  });

  test('takes its input to the end', async () => {
    const output = await attempt(['run', '--rm', '-i', IMAGE, 'wc', '-c'], { input: 'x'.repeat(300_000) });
    expect(output.stdout.trim()).toBe('300000');
  });
});

test('a container: run, ps, exec, logs, inspect, stop, rm', async () => {
  const id = await passerelle(
    'run',
    '-d',
    '--name',
    'web',
    '-p',
    '8081:80',
    IMAGE,
    'sh',
    '-c',
    'echo hello; exec sleep 1000',
  );
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  const [header = '', row = ''] = (await passerelle('ps')).split('\n');
  expect(header.split(/ {2,}/)).toEqual(['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES']);
  expect(row).toMatch(new RegExp(`^${id.slice(0, 12)} +${IMAGE} +"sh -c .* Up .* 0\\.0\\.0\\.0:8081->80/tcp.* web$`));
  expect(await attempt(['exec', '-e', 'A=a', 'web', 'sh', '-c', 'echo $A; exit 9'])).toMatchObject({
    code: 9,
    stdout: 'a\n',
  });
  expect(await attempt(['exec', '-i', 'web', 'cat'], { input: 'through' })).toMatchObject({
    code: 0,
    stdout: 'through',
  });
  expect(await passerelle('logs', 'web')).toBe('hello');
  expect(await passerelle('inspect', '-f', '{{.State.Status}} {{.NetworkSettings.IPAddress}}', 'web')).toBe(
    'running 172.17.0.2',
  );
  expect(await passerelle('stop', '-t', '0', 'web')).toBe('web');
  expect(await passerelle('rm', 'web')).toBe('web');
});

test('networks: create, ls, inspect, connect, rm', async () => {
  expect((await passerelle('network', 'ls', '--format', '{{.Name}}/{{.Driver}}/{{.Scope}}')).split('\n')).toEqual([
    'bridge/bridge/local',
    'host/host/local',
    'none/null/local',
  ]);
  const id = await passerelle('network', 'create', 'net-test');
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  const [view] = JSON.parse(await passerelle('network', 'inspect', 'net-test')) as [object];
  expect(Object.keys(view).join(' ')).toBe(
    'Name Id Created Scope Driver EnableIPv6 IPAM Internal Attachable Ingress ConfigFrom ConfigOnly Containers Options Labels',
  );
  expect(view).toMatchObject({
    Driver: 'bridge',
    IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '172.18.0.0/16', Gateway: '172.18.0.1' }] },
    Containers: {},
  });
  const refused = await attempt(['network', 'create', 'net-test']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('network with name net-test already exists');
});

describe('compose, in the article’s folder', () => {
  let folder: string;
  const compose = (...words: string[]) => attempt(['compose', ...words], { cwd: folder });

  beforeAll(async () => {
    folder = join(stage.directory, 'tc-infra-base');
    await mkdir(folder);
    await writeFile(
      join(folder, 'docker-compose.yml'),
      `version: "3.2"
services:
  tc-registry:
    image: registry:2.7.1
    ports:
      - 5000:5000
`,
    );
    const archive = join(stage.directory, 'registry.tar');
    await writeRegistryArchive(archive);
    await passerelle('image', 'load', '-i', archive);
  });

  test('up says what docker-compose says', async () => {
    const { code, stderr } = await compose('up', '-d', 'tc-registry');
    expect(code).toBe(0);
    expect(stderr).toContain('Creating network "tc-infra-base_default" with the default driver\n');
    expect(stderr).toMatch(/Creating tc-infra-base_tc-registry_1 \.\.\. .*done/s);
  });

  test('the network is the article’s', async () => {
    const [view] = JSON.parse(await passerelle('network', 'inspect', 'tc-infra-base_default')) as [
      { Containers: Record<string, object>; Labels: object; Attachable: boolean; IPAM: object },
    ];
    expect(view).toMatchObject({ Attachable: true, IPAM: { Driver: 'default', Options: null } });
    expect(view.Labels).toMatchObject({
      'com.docker.compose.network': 'default',
      'com.docker.compose.project': 'tc-infra-base',
    });
    const [member] = Object.values(view.Containers);
    expect(member).toEqual({
      Name: 'tc-infra-base_tc-registry_1',
      EndpointID: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      MacAddress: '02:42:ac:13:00:02',
      IPv4Address: '172.19.0.2/16',
      IPv6Address: '',
    });
  });

  test('the registry answers on the host, and on the other machine', async () => {
    const url = 'http://198.51.100.1:5000/v2/';
    const get = ['-sf', '-m', '5', '--retry', '20', '--retry-delay', '0', '--retry-connrefused', url];
    expect((await stage.onHost('curl', get)).stdout).toBe('{}');
    expect((await stage.onWorld('curl', get)).stdout).toBe('{}');
  });

  test('ps, config, a second up, down', async () => {
    expect((await compose('ps')).stdout).toMatch(/tc-infra-base_tc-registry_1 .* Up +0\.0\.0\.0:5000->5000\/tcp/);
    expect((await compose('config')).stdout).toContain('image: registry:2.7.1');
    expect((await compose('up', '-d')).stderr).toContain('tc-infra-base_tc-registry_1 is up-to-date');
    const { code, stderr } = await compose('down', '-v');
    expect(code).toBe(0);
    expect(stderr).toContain('Removing network tc-infra-base_default');
    expect(await passerelle('ps', '-aq')).toBe('');
    expect(await passerelle('network', 'rm', 'net-test')).toBe('net-test');
  });
});
