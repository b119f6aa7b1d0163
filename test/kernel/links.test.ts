/** `--link` on the default bridge: hosts entries, variables, and the only way between containers where icc is off. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;
const IMAGE = 'busybox:1.36';
const SERVE = 'echo child > /etc/index.html; httpd -p 81 -h /etc; exec httpd -f -h /etc';

beforeAll(async () => {
  stage = await Stage.set('passerelle-links');
  await stage.startDaemon('--icc=false');
  await loadBusybox(stage);
  await stage.docker(
    'run',
    '-d',
    '--name',
    'child',
    '--hostname',
    'kid',
    '--expose',
    '80',
    '-e',
    'A=1',
    IMAGE,
    'sh',
    '-c',
    SERVE,
  );
  await stage.docker('run', '-d', '--name', 'parent', '--link', 'child:my-db', IMAGE, 'sleep', '1000');
  await stage.docker('run', '-d', '--name', 'stranger', IMAGE, 'sleep', '1000');
});

afterAll(() => stage.close());

const exec = (container: string, ...command: string[]) => stage.outside(stage.client, ['exec', container, ...command]);
const addressOf = (container: string): Promise<string> =>
  stage.docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', container);
const fetch = async (container: string, url: string): Promise<string> =>
  (await exec(container, 'timeout', '2', 'wget', '-qO-', url)).stdout.trim();

test('the linked container is in the hosts file and in the environment', async () => {
  const address = await addressOf('child');
  expect((await exec('parent', 'cat', '/etc/hosts')).stdout).toContain(`${address}\tmy-db kid child\n`);
  const variables = (await exec('parent', 'env')).stdout;
  expect(variables).toContain(`MY_DB_PORT_80_TCP=tcp://${address}:80\n`);
  expect(variables).toContain('MY_DB_NAME=/parent/my-db\n');
  expect(variables).toContain('MY_DB_ENV_A=1\n');
});

async function expectMetOnExposedPorts(): Promise<void> {
  const address = await addressOf('child');
  expect(await fetch('parent', `http://${address}/`)).toBe('child');
  expect(await fetch('parent', `http://${address}:81/`)).toBe('');
  expect(await fetch('stranger', `http://${address}/`)).toBe('');
}

test('where icc is off, linked containers meet on exposed ports alone', async () => {
  await expectMetOnExposedPorts();
  const own = await addressOf('parent');
  const address = await addressOf('child');
  expect((await stage.onHost('iptables', ['-S', 'DOCKER'])).stdout.split('\n').slice(1, 3)).toEqual([
    `-A DOCKER -s ${own}/32 -d ${address}/32 -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT`,
    `-A DOCKER -s ${address}/32 -d ${own}/32 -i docker0 -o docker0 -p tcp -m tcp --sport 80 -j ACCEPT`,
  ]);
});

test('with nftables too', async () => {
  await stage.stopDaemon();
  await stage.startDaemon('--icc=false', '--firewall-backend', 'nftables', '--bridge-accept-fwmark', '0x10/0xf0');
  await expectMetOnExposedPorts();
  expect((await stage.onHost('nft', ['list', 'table', 'ip', 'passerelle'])).stdout).toMatch(
    /mark (and|&) 0x000000f0 == 0x00000010/,
  );
  await stage.stopDaemon();
  await stage.startDaemon('--icc=false');
  await expectMetOnExposedPorts();
});

test('a link follows the name and the address of the other container; what the user wrote beside it stays', async () => {
  await stage.docker('network', 'create', 'other');
  await stage.docker('exec', 'parent', 'sh', '-c', 'printf "192.0.2.9\\tby-hand\\n" >> /etc/hosts');
  await stage.docker('rename', 'child', 'kid');
  await stage.docker('network', 'connect', 'other', 'parent');
  const before = await addressOf('kid');
  await stage.docker('stop', '-t', '0', 'kid');
  expect((await stage.onHost('iptables', ['-S', 'DOCKER'])).stdout).not.toContain('--dport 80');
  await stage.docker('run', '-d', '--name', 'squatter', IMAGE, 'sleep', '1000');
  expect(await addressOf('squatter')).toBe(before);
  await stage.docker('start', 'kid');
  const address = await addressOf('kid');
  expect(address).not.toBe(before);
  await stage.docker('network', 'disconnect', 'other', 'parent');
  const own = `${await addressOf('parent')}\t${await stage.docker('inspect', '-f', '{{.Config.Hostname}}', 'parent')}`;
  const hosts = (await exec('parent', 'cat', '/etc/hosts')).stdout.trim().split('\n').slice(6);
  expect(hosts).toEqual([own, '192.0.2.9\tby-hand', `${address}\tmy-db kid`]);
  expect(await fetch('parent', `http://${address}/`)).toBe('child');
  expect(await stage.docker('inspect', '-f', '{{.HostConfig.Links}}', 'parent')).toBe('[/kid:/parent/my-db]');
});

test('a link to nobody is refused, and a start without the other container too', async () => {
  const missing = await stage.outside(stage.client, ['create', '--link', 'nobody:x', IMAGE, 'true']);
  expect(missing.stderr).toContain('could not get container for nobody: No such container: nobody');
  await stage.docker('stop', '-t', '0', 'kid', 'parent');
  const { stderr } = await stage.outside(stage.client, ['start', 'parent']);
  expect(stderr).toContain('Cannot link to a non running container: /kid AS /parent/my-db');
});
