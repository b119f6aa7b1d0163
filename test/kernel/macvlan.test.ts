/** Containers that are machines of their own on the host's link, and what a place on a network may be told. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HOST_ADDRESS, Stage, WORLD_ADDRESS } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;
const IMAGE = 'busybox:1.36';

beforeAll(async () => {
  stage = await Stage.set('passerelle-macvlan');
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterAll(() => stage.close());

const exec = (container: string, ...command: string[]) => stage.outside(stage.client, ['exec', container, ...command]);
const ping = async (container: string, address: string): Promise<boolean> =>
  (await exec(container, 'ping', '-c', '1', '-W', '1', address)).code === 0;
const create = (...options: string[]) => stage.outside(stage.client, ['network', 'create', ...options]);
const post = async (path: string, body: object): Promise<string> => {
  const { stdout } = await stage.outside('curl', [
    '-sw%{http_code}',
    '--unix-socket',
    stage.socket,
    '-HContent-Type: application/json',
    `-d${JSON.stringify(body)}`,
    `http://localhost/v1.51${path}`,
  ]);
  return stdout;
};

/** Whether the kernel has links of that kind. */
async function knows(kind: string): Promise<boolean> {
  const parent = kind === 'dummy' ? [] : ['link', 'uplink0'];
  const more = kind === 'vlan' ? ['id', '99'] : [];
  const made = await stage.onHost('ip', ['link', 'add', ...parent, 'name', 'probe0', 'type', kind, ...more]);
  if (made.code === 0) await stage.onHost('ip', ['link', 'delete', 'probe0']);
  return made.code === 0;
}

describe('macvlan', () => {
  afterEach(async () => {
    await stage.outside(stage.client, ['rm', '-f', 'one', 'two']);
    await stage.outside(stage.client, ['network', 'rm', 'wire']);
  });

  const subnet = ['--subnet', '198.51.100.0/24', '--gateway', WORLD_ADDRESS, '--ip-range', '198.51.100.64/26'];

  test.each([
    ['bridge', true],
    ['private', false],
    ['vepa', false],
  ])('in %s mode: the other machine is reached, and is the mate: %s', async (mode, meets) => {
    await stage.docker(
      'network',
      'create',
      '-d',
      'macvlan',
      ...subnet,
      '-o',
      'parent=uplink0',
      '-o',
      `macvlan_mode=${mode}`,
      'wire',
    );
    for (const name of ['one', 'two']) {
      await stage.docker(
        'run',
        '-d',
        '--name',
        name,
        '--network',
        'wire',
        '-p',
        '8080:80',
        IMAGE,
        'httpd',
        '-f',
        '-h',
        '/etc',
      );
    }
    const link = (await exec('one', 'ip', '-o', 'link', 'show', 'eth0')).stdout;
    expect(link).toContain('02:42:c6:33:64:40');
    expect((await exec('one', 'ip', '-o', 'address', 'show', 'eth0')).stdout).toContain('inet 198.51.100.64/24');
    expect((await exec('one', 'ip', 'route')).stdout).toContain(`default via ${WORLD_ADDRESS} dev eth0`);
    expect(await ping('one', WORLD_ADDRESS)).toBe(true);
    expect(await ping('one', '198.51.100.65')).toBe(meets);
    expect((await stage.onWorld('curl', ['-s', '-m', '2', 'http://198.51.100.65/hostname'])).stdout).toMatch(
      /^[\da-f]{12}\n$/,
    );
    // A parent and its children do not meet, and there is nobody to publish ports.
    expect(await ping('one', HOST_ADDRESS)).toBe(false);
    expect(await stage.docker('port', 'one')).toBe('');
    expect((await exec('one', 'nslookup', '-type=a', 'two')).stdout).toContain('198.51.100.65');
  });

  test('in passthru mode: one container has the link for itself', async () => {
    await stage.docker(
      'network',
      'create',
      '-d',
      'macvlan',
      ...subnet,
      '-o',
      'parent=uplink0',
      '-o',
      'macvlan_mode=passthru',
      'wire',
    );
    await stage.docker('run', '-d', '--name', 'one', '--network', 'wire', IMAGE, 'sleep', '1000');
    expect(await ping('one', WORLD_ADDRESS)).toBe(true);
    const second = await stage.outside(stage.client, ['run', '--rm', '--network', 'wire', IMAGE, 'true']);
    expect(second.stderr).toContain('Invalid argument');
  });

  test('internal: no way out', async () => {
    await stage.docker('network', 'create', '-d', 'macvlan', '--internal', '-o', 'parent=uplink0', 'wire');
    expect(await stage.docker('run', '--rm', '--network', 'wire', IMAGE, 'ip', 'route')).not.toContain('default');
  });

  test("survives the daemon's death", async () => {
    await stage.docker('network', 'create', '-d', 'macvlan', ...subnet, '-o', 'parent=uplink0', 'wire');
    await stage.docker('run', '-d', '--name', 'one', '--network', 'wire', IMAGE, 'sleep', '1000');
    await stage.stopDaemon('SIGKILL');
    await stage.startDaemon();
    expect(await ping('one', WORLD_ADDRESS)).toBe(true);
  });

  test.each([
    ['dummy', 'macvlan', [], /link host dm-[\da-f]{12}: .*this kernel has no dummy links \(modprobe dummy\)/],
    ['vlan', 'macvlan', ['-o', 'parent=uplink0.10'], /uplink0\.10: .*no vlan links \(modprobe 8021q\)/],
    ['', 'macvlan', ['-o', 'parent=nope0.10'], /-o parent interface was not found on the host: nope0/],
    ['', 'overlay', [], /swarm/],
  ])('without %s links: %s %j is refused, and leaves nothing', async (kind, driver, options, text) => {
    if (kind && (await knows(kind))) return;
    const { code, stderr } = await create('-d', driver, ...options, 'wire');
    expect(code).toBe(1);
    expect(stderr).toMatch(text);
    expect((await stage.outside(stage.client, ['network', 'inspect', 'wire'])).code).toBe(1);
  });
});

test('ipvlan: where the kernel has none, it says so when a container is to be connected', async () => {
  await stage.docker('network', 'create', '-d', 'ipvlan', '--subnet', '10.92.0.0/24', '-o', 'parent=uplink0', 'wire');
  const { code, stderr } = await stage.outside(stage.client, [
    'run',
    '--rm',
    '--network',
    'wire',
    IMAGE,
    'ip',
    'route',
  ]);
  if (await knows('ipvlan')) expect(code).toBe(0);
  else expect(stderr).toMatch(/Operation not supported: .*this kernel has no ipvlan links \(modprobe ipvlan\)/);
  await stage.outside(stage.client, ['network', 'rm', 'wire']);
});

describe('a place on a network', () => {
  test('has the name, settings, MAC and further addresses that were asked for', async () => {
    await stage.docker('network', 'create', '--subnet', '10.95.0.0/24', 'told');
    await stage.docker('run', '-d', '--name', 'guest', '--network', 'none', IMAGE, 'sleep', '1000');
    await stage.docker('network', 'disconnect', 'none', 'guest');
    const answer = await post('/networks/told/connect', {
      Container: 'guest',
      EndpointConfig: {
        IPAMConfig: { IPv4Address: '10.95.0.50', LinkLocalIPs: ['169.254.7.7', 'fe80::77'] },
        MacAddress: '02:00:00:00:00:42',
        DriverOpts: {
          'com.docker.network.endpoint.ifname': 'web0',
          'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.hop_limit=7',
        },
      },
    });
    expect(answer).toBe('200');
    const addresses = (await exec('guest', 'ip', '-o', 'address', 'show', 'web0')).stdout;
    for (const address of ['inet 10.95.0.50/24', 'inet 169.254.7.7/16', 'inet6 fe80::77/64']) {
      expect(addresses).toContain(address);
    }
    expect((await exec('guest', 'ip', 'link', 'show', 'web0')).stdout).toContain('02:00:00:00:00:42');
    expect((await exec('guest', 'cat', '/proc/sys/net/ipv4/conf/web0/log_martians')).stdout).toBe('1\n');
    expect((await exec('guest', 'cat', '/proc/sys/net/ipv6/conf/web0/hop_limit')).stdout).toBe('7\n');
    await stage.docker('network', 'connect', 'bridge', 'guest');
    expect((await exec('guest', 'ip', '-o', 'link', 'show', 'eth0')).code).toBe(0);
  });

  test('is the way out if its priority is the highest, and no longer when a higher one comes', async () => {
    const way = async (): Promise<string> => (await exec('guest', 'ip', 'route', 'show', 'default')).stdout;
    expect(await way()).toContain('dev eth0');
    await stage.docker('network', 'create', '--subnet', '10.96.0.0/24', 'zebra');
    expect(await post('/networks/zebra/connect', { Container: 'guest', EndpointConfig: { GwPriority: 5 } })).toBe(
      '200',
    );
    expect(await way()).toContain('via 10.96.0.1');
    await stage.docker('network', 'disconnect', 'zebra', 'guest');
    expect(await way()).toContain('dev eth0');
  });

  test.each([
    [{ 'com.docker.network.endpoint.ifname': 'a/b' }, 'failed to parse com.docker.network.endpoint.ifname value: a/b'],
    [
      { 'com.docker.network.endpoint.sysctls': 'net.ipv4.ip_forward=1' },
      'failed to parse com.docker.network.endpoint.sysctls value: net.ipv4.ip_forward=1',
    ],
  ])('%j is refused', async (DriverOpts, text) => {
    const answer = await post('/networks/zebra/connect', { Container: 'guest', EndpointConfig: { DriverOpts } });
    expect(answer).toContain(text);
    expect(answer).toMatch(/400$/);
  });
});
