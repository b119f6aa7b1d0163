/**
 * The daemon on a Linux in memory: started by a user without rights, where Node refuses it native
 * modules, child processes and all files but its own, on a system that says that it is no Linux.
 */
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ModelStage } from '../../scripts/model-stage.ts';
import { DIST, perform, type Output } from '../../scripts/stage.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const NOBODY = 65_534;
/** It may read the program, wherever that lies. */
const READING = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...READING];
const NO_LINUX = "data:text/javascript,Object.defineProperty(process,'platform',{value:'darwin'})";

let directory: string;
let stage: ModelStage;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'model-'));
  await chown(directory, NOBODY, NOBODY);
  const mayRead = [`${DIST}/`, join(ROOT, 'node_modules/'), join(ROOT, 'package.json'), `${directory}/`];
  const rights = [...mayRead, '/etc/passerelle/daemon.json'].map((path) => `--allow-fs-read=${path}`);
  const node = ['--import', NO_LINUX, '--experimental-permission', ...rights, `--allow-fs-write=${directory}/`];
  stage = await ModelStage.set({ before: AS_NOBODY, node, directory });
});

afterAll(async () => {
  expect(await stage.close()).toBe(0);
});

const docker = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await stage.run(['docker', ...args]);
  expect(code, `docker ${args.join(' ')}: ${stderr}`).toBe(0);
  return stdout.trim();
};
const passerelle = (...args: string[]): Promise<Output> => stage.passerelle(...args);

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

    await mkdir(join(directory, 'tc-infra-base'));
    await writeFile(
      join(directory, 'tc-infra-base/docker-compose.yml'),
      'version: "3.2"\nservices:\n  tc-registry:\n    image: registry:2.7.1\n    ports: ["5000:5000"]\n',
    );
    const up = await stage.run([
      'docker-compose',
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
  expect((await stage.run(['docker', 'cp', 'web:/etc/hosts', 'hosts'])).stderr).toContain(
    'simulated containers have no files',
  );
  await docker('kill', 'web');
  expect(await docker('wait', 'web')).toBe('137');
  await docker('start', 'web');
  await docker('stop', 'web');
  expect(await docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'web')).toBe('exited 143');
  await docker('rm', 'web');
  expect(
    (await stage.run(['docker', 'run', '-i', '--rm', 'busybox', 'sh'], { input: 'ip route\nexit 3\n' })).code,
  ).toBe(3);
  expect((await stage.run(['docker', 'info'])).stderr).toContain('WARNING: the host and its containers are simulated');
  expect(await docker('version', '-f', '{{.Server.Platform.Name}}')).toBe('Passerelle (simulated)');
});

test('what needs a kernel says so to a user who has no rights', async () => {
  const real = await passerelle('daemon', '--host', `unix://${directory}/q.sock`, '--data-root', '/var/lib/model-test');
  expect(real.code).toBe(1);
  expect(real.stdout + real.stderr).toContain('the daemon needs root; with --kernel model it simulates all');
});

test.each([
  { clients: 'docker and docker-compose', path: '/usr/bin', said: 'The command lines are docker and docker-compose.' },
  { clients: 'ours alone', path: '/nowhere', said: 'The command lines are passerelle and passerelle compose.' },
])('npm run demo plays the scene for that user, with $clients', async ({ path, said }) => {
  const home = await mkdtemp(join(tmpdir(), 'model-demo-'));
  await chown(home, NOBODY, NOBODY);
  const [command = '', ...before] = AS_NOBODY;
  const env = { PATH: path, TMPDIR: home, HOME: home };
  const args = [...before, process.execPath, join(DIST, 'demo.js'), '--model'];
  const { code, stdout, stderr } = await perform(`/usr/bin/${command}`, args, { cwd: home, env });
  expect(stdout).toContain(said);
  expect(stdout).toContain('Only a real kernel shows');
  expect(stdout).not.toContain('\u2717');
  expect(stdout).toMatch(/\n2\d passed, 0 failed\n$/);
  expect(code, stderr).toBe(0);
  await rm(home, { recursive: true });
});
