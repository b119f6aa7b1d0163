/**
 * The daemon on a Linux in memory: started by a user without rights, where Node refuses it native
 * modules, child processes and all files but its own, on a system that says that it is no Linux.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { perform, type Output } from '../../scripts/stage.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PROGRAM = join(ROOT, 'dist/passerelle.js');
const NOBODY = 65_534;
/** It may read the program, wherever that lies. */
const READING = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
const AS_NOBODY = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...READING];
const NO_LINUX = "data:text/javascript,Object.defineProperty(process,'platform',{value:'darwin'})";

let folder: string;
let socket: string;
let daemon: ChildProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'model-'));
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'home'));
  await chown(join(folder, 'home'), NOBODY, NOBODY);
  socket = join(folder, 'home/p.sock');
  const mayRead = [join(ROOT, 'dist/'), join(ROOT, 'node_modules/'), join(ROOT, 'package.json'), join(folder, 'home/')];
  const rights = ['--experimental-permission', ...mayRead.map((path) => `--allow-fs-read=${path}`)];
  daemon = spawn(
    'setpriv',
    [
      ...AS_NOBODY,
      process.execPath,
      '--import',
      NO_LINUX,
      ...rights,
      '--allow-fs-read=/etc/passerelle/daemon.json',
      `--allow-fs-write=${join(folder, 'home/')}`,
      PROGRAM,
      'daemon',
      '--kernel',
      'model',
      '--host',
      `unix://${socket}`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  await new Promise<void>((listening, failed) => {
    const hear = (data: Buffer): void => {
      log += data.toString();
      if (log.includes('API listening')) listening();
    };
    daemon.stdout!.on('data', hear);
    daemon.stderr!.on('data', hear);
    daemon.once('exit', () => failed(new Error(log)));
  });
});

afterAll(async () => {
  daemon.kill();
  await new Promise((ended) => daemon.once('exit', ended));
  expect(daemon.exitCode).toBe(0);
  await rm(folder, { recursive: true });
});

const as = (command: string, args: readonly string[], input = ''): Promise<Output> =>
  perform('setpriv', [...AS_NOBODY, command, ...args], {
    cwd: join(folder, 'home'),
    input,
    env: { HOME: join(folder, 'home'), DOCKER_HOST: `unix://${socket}` },
  });
const docker = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await as('docker', args);
  expect(code, `docker ${args.join(' ')}: ${stderr}`).toBe(0);
  return stdout.trim();
};
const passerelle = (...args: string[]): Promise<Output> => as(process.execPath, [PROGRAM, ...args]);

describe("the article's scene", () => {
  test('docker and docker-compose play it: networks, drivers, bridges, a project with a published port', async () => {
    expect(await docker('network', 'ls', '--format', '{{.Name}} {{.Driver}}')).toBe(
      'bridge bridge\nhost host\nnone null',
    );
    expect(await docker('run', '--rm', '--network', 'none', 'busybox', 'ip', 'address')).not.toMatch(/inet (?!127)/);
    expect(await docker('run', '--rm', '--network', 'host', 'busybox', 'ip', 'address')).toContain('198.51.100.1/24');
    expect(await docker('run', '--rm', 'busybox', 'ip', 'route')).toContain('default via 172.17.0.1');
    const id = await docker('network', 'create', 'net-test');
    const bridge = `br-${id.slice(0, 12)}`;
    const [inspected] = JSON.parse(await docker('network', 'inspect', 'net-test')) as [{ IPAM: object }];
    expect(inspected.IPAM).toEqual({
      Driver: 'default',
      Options: {},
      Config: [{ Subnet: '172.18.0.0/16', Gateway: '172.18.0.1' }],
    });
    const link = await docker('run', '--rm', '--network', 'host', 'busybox', 'ip', 'a', 'show', 'dev', bridge);
    expect(link).toMatch(
      /NO-CARRIER.*state DOWN\n\s+link\/ether 02:42:.*\n\s+inet 172\.18\.0\.1\/16 brd 172\.18\.255\.255/,
    );

    await mkdir(join(folder, 'home/tc-infra-base'));
    await writeFile(
      join(folder, 'home/tc-infra-base/docker-compose.yml'),
      'version: "3.2"\nservices:\n  tc-registry:\n    image: registry:2.7.1\n    ports: ["5000:5000"]\n',
    );
    const up = await as('docker-compose', [
      '--project-directory',
      'tc-infra-base',
      '-f',
      'tc-infra-base/docker-compose.yml',
      'up',
      '-d',
    ]);
    expect(up.code, up.stderr).toBe(0);
    expect(up.stderr).toMatch(/Creating tc-infra-base_tc-registry_1 .*done/);
    const [network] = JSON.parse(await docker('network', 'inspect', 'tc-infra-base_default')) as [
      { Containers: Record<string, { Name: string; IPv4Address: string; MacAddress: string }> },
    ];
    expect(Object.values(network.Containers)).toMatchObject([
      { Name: 'tc-infra-base_tc-registry_1', IPv4Address: '172.19.0.2/16', MacAddress: '02:42:ac:13:00:02' },
    ]);
  });

  test('its tables are explained, and its packets walked', async () => {
    const rule = await passerelle('explain', '--rule', 'nat DOCKER 4');
    expect(rule.stdout).toMatch(/--dport 5000 -j DNAT --to-destination\s[^]*172\.19\.0\.2:5000/);
    expect(rule.stdout).toContain('Published port');
    const world = await passerelle('trace', '--to', '198.51.100.1:5000');
    expect(world.code, world.stdout).toBe(0);
    expect(world.stdout).toContain('tc-infra-base_tc-registry_1 (simulated) listens on port 5000');
    expect((await passerelle('trace', '--from', 'host', '--to', '127.0.0.1:5000')).code).toBe(0);
    expect((await passerelle('trace', '--to', '172.19.0.2:5000')).code).toBe(1);
    const planned = await passerelle('plan', 'network', 'rm', 'net-test');
    expect(planned.code).toBe(2);
    expect(planned.stdout).toMatch(/- bridge br-[0-9a-f]{12}\n/);
    expect(await passerelle('doctor')).toMatchObject({ code: 0, stderr: '' });
    expect((await passerelle('graph')).stdout).toContain('*:5000/tcp → 5000');
  });
});

test('a container is made, started, called into, stopped and removed; all says that it is simulated', async () => {
  await docker('run', '-d', '--name', 'web', '-p', '8080:80', 'nginx');
  expect(await docker('logs', 'web')).toMatch(/^simulated: /);
  expect(await docker('exec', 'web', 'nginx', '-t')).toBe(
    'simulated: nginx -t was not run, and is taken to have ended well',
  );
  expect(await docker('top', 'web')).toContain('(simulated)');
  expect(await docker('stats', '--no-stream', '--format', '{{.Name}} {{.CPUPerc}}', 'web')).toBe('web 0.00%');
  expect((await as('docker', ['cp', 'web:/etc/hosts', 'hosts'])).stderr).toContain(
    'simulated containers have no files',
  );
  await docker('kill', 'web');
  expect(await docker('wait', 'web')).toBe('137');
  await docker('start', 'web');
  await docker('stop', 'web');
  expect(await docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'web')).toBe('exited 143');
  await docker('rm', 'web');
  expect((await as('docker', ['run', '-i', '--rm', 'busybox', 'sh'], 'ip route\nexit 3\n')).code).toBe(3);
  expect((await as('docker', ['info'])).stderr).toContain('WARNING: the host and its containers are simulated');
  expect(await docker('version', '-f', '{{.Server.Platform.Name}}')).toBe('Passerelle (simulated)');
});

test('what needs a kernel says so to a user who has no rights', async () => {
  const real = await passerelle(
    'daemon',
    '--host',
    `unix://${folder}/home/q.sock`,
    '--data-root',
    join(folder, 'data'),
  );
  expect(real.code).toBe(1);
  expect(real.stdout + real.stderr).toContain('the daemon needs root; with --kernel model it simulates all');
});
