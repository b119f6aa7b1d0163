/** Ways in and out of bridge networks, with real packets: both families, gateway modes, chosen sources, UDP flows. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HOST_ADDRESS, Stage, WORLD_ADDRESS } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;
const IMAGE = 'busybox:1.36';
const HOST_6 = 'fd98::1';
const WORLD_6 = 'fd98::2';
const BRIDGE = 'com.docker.network.bridge';
const SERVE = 'mkdir /w; hostname > /w/index.html; exec httpd -f -p [::]:80 -h /w';

beforeAll(async () => {
  stage = await Stage.set('passerelle-gateways');
  await stage.onHost('ip', ['address', 'add', `${HOST_6}/64`, 'dev', 'uplink0', 'nodad']);
  await stage.onWorld('ip', ['address', 'add', `${WORLD_6}/64`, 'dev', 'uplink0', 'nodad']);
  await stage.onHost('ip', ['address', 'add', '198.51.100.9/24', 'dev', 'uplink0']);
  // The other machine knows the way to the containers.
  await stage.onWorld('ip', ['route', 'add', '10.0.0.0/8', 'via', HOST_ADDRESS]);
  await stage.onWorld('ip', ['route', 'add', 'fd10::/16', 'via', HOST_6]);
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterAll(() => stage.close());

const fromWorld = async (url: string): Promise<string> =>
  (await stage.onWorld('curl', ['-sg', '-m', '1', url])).stdout.trim();
const onHost = async (url: string): Promise<string> =>
  (await stage.onHost('curl', ['-sg', '-m', '1', url])).stdout.trim();
const exec = (container: string, ...command: string[]) => stage.outside(stage.client, ['exec', container, ...command]);
const serve = (name: string, ...options: string[]): Promise<string> =>
  stage.docker('run', '-d', '--name', name, '--hostname', name, ...options, IMAGE, 'sh', '-c', SERVE);
/** The source that the other machine sees. */
async function sourceOf(container: string, to: string): Promise<string> {
  const server = stage.onWorld('timeout', [
    '3',
    'socat',
    '-u',
    `TCP${to.includes(':') ? 6 : 4}-LISTEN:7000`,
    'SYSTEM:echo $SOCAT_PEERADDR',
  ]);
  for (let attempt = 0; attempt < 10; attempt++) {
    await new Promise((done) => setTimeout(done, 150));
    if ((await exec(container, 'nc', '-w', '1', to, '7000')).code === 0) break;
  }
  return (await server).stdout.trim();
}

describe('a network of both families', () => {
  beforeAll(async () => {
    await stage.docker('network', 'create', '--ipv6', '--subnet', '10.1.0.0/24', '--subnet', 'fd10:1::/64', 'dual');
    await serve('both', '--network', 'dual', '-p', '8080:80', '-p', '[::1]:8081:80', '-p', '127.0.0.1:8082:80');
    await stage.docker('run', '-d', '--name', 'mate', '--network', 'dual', IMAGE, 'sleep', '1000');
  });

  test.each([
    ['the other machine, IPv4', () => fromWorld(`http://${HOST_ADDRESS}:8080/`)],
    ['the other machine, IPv6', () => fromWorld(`http://[${HOST_6}]:8080/`)],
    ['the host, IPv4', () => onHost(`http://${HOST_ADDRESS}:8080/`)],
    ['the host, IPv6', () => onHost(`http://[${HOST_6}]:8080/`)],
    ['loopback, IPv4', () => onHost('http://127.0.0.1:8080/')],
    ['loopback, IPv6', () => onHost('http://[::1]:8080/')],
    ['loopback alone, IPv6', () => onHost('http://[::1]:8081/')],
    ['loopback alone, IPv4', () => onHost('http://127.0.0.1:8082/')],
  ])('is reached from %s', async (_, answer) => expect(await answer()).toBe('both'));

  test('is not reached from outside where only loopback is published', async () => {
    expect(await fromWorld(`http://[${HOST_6}]:8081/`)).toBe('');
    expect(await fromWorld(`http://${HOST_ADDRESS}:8082/`)).toBe('');
    expect((await stage.onHost('ss', ['-tlnH'])).stdout).toMatch(/\[::1\]:8081/);
  });

  test('has rules and routes of both, and its members meet over IPv6 by name', async () => {
    expect((await stage.onHost('ip6tables-save', ['-t', 'nat'])).stdout).toMatch(
      /--dport 8080 -j DNAT --to-destination \[fd10:1::2\]:80/,
    );
    expect((await exec('both', 'ip', '-6', 'route', 'show', 'default')).stdout).toContain('via fd10:1::1 dev eth0');
    expect((await exec('mate', 'timeout', '2', 'wget', '-qO-', 'http://[fd10:1::2]/')).stdout).toBe('both\n');
    expect((await exec('mate', 'nslookup', '-type=aaaa', 'both')).stdout).toContain('fd10:1::2');
  });

  test("leaves with the host's address", async () => {
    expect(await sourceOf('mate', WORLD_ADDRESS)).toBe(HOST_ADDRESS);
    expect((await exec('mate', 'ping', '-6', '-c', '1', '-W', '2', WORLD_6)).code).toBe(0);
  });

  test('gets a subnet of the unique local block if it asks for none', async () => {
    await stage.docker('network', 'create', '--ipv6', 'local6');
    const pools = await stage.docker('network', 'inspect', '-f', '{{range .IPAM.Config}}{{.Subnet}} {{end}}', 'local6');
    expect(pools).toMatch(/^172\.\d+\.0\.0\/16 fd[\da-f:]+::\/64$/);
    const address = await stage.docker(
      'run',
      '--rm',
      '--network',
      'local6',
      IMAGE,
      'ip',
      '-o',
      '-6',
      'address',
      'show',
      'eth0',
    );
    expect(address).toMatch(/inet6 fd[\da-f:]+::2\/64/);
    await stage.docker('network', 'rm', 'local6');
  });
});

const clear = async (): Promise<void> => {
  await stage.outside(stage.client, ['rm', '-f', 'gate']);
  await stage.outside(stage.client, ['network', 'rm', 'gated']);
};

describe('gateway mode', () => {
  afterEach(clear);

  test.each([
    // What the other machine reaches: the container itself, another of its ports, the published port of the host.
    { mode: 'nat', direct: '', other: '', published: 'gate', source: HOST_ADDRESS },
    { mode: 'nat-unprotected', direct: 'gate', other: 'gate', published: 'gate', source: HOST_ADDRESS },
    { mode: 'routed', direct: 'gate', other: '', published: '', source: '10.2.0.2' },
  ])('$mode', async ({ mode, direct, other, published, source }) => {
    await stage.docker(
      'network',
      'create',
      '--subnet',
      '10.2.0.0/24',
      '-o',
      `${BRIDGE}.gateway_mode_ipv4=${mode}`,
      'gated',
    );
    await serve('gate', '--network', 'gated', '-p', '8090:80');
    await stage.docker('exec', '-d', 'gate', 'httpd', '-f', '-p', '81', '-h', '/w');
    expect(await fromWorld('http://10.2.0.2/')).toBe(direct);
    expect(await fromWorld('http://10.2.0.2:81/')).toBe(other);
    expect(await fromWorld(`http://${HOST_ADDRESS}:8090/`)).toBe(published);
    expect(await sourceOf('gate', WORLD_ADDRESS)).toBe(source);
    const ports = (await stage.docker('inspect', '-f', '{{json .NetworkSettings.Ports}}', 'gate')).trim();
    expect(ports).toContain(`"HostPort":"${mode === 'routed' ? '' : '8090'}"`);
    const pinged = (await stage.onWorld('busybox', ['ping', '-c', '1', '-W', '1', '10.2.0.2'])).code === 0;
    expect(pinged).toBe(mode !== 'nat');
  });

  test.each([
    { mode: 'nat', direct: '', published: 'gate' },
    { mode: 'nat-unprotected', direct: 'gate', published: 'gate' },
    { mode: 'routed', direct: 'gate', published: '' },
  ])('$mode, IPv6', async ({ mode, direct, published }) => {
    const options = ['-o', `${BRIDGE}.gateway_mode_ipv6=${mode}`];
    await stage.docker('network', 'create', '--ipv6', '--subnet', 'fd10:2::/64', ...options, 'gated');
    await serve('gate', '--network', 'gated', '-p', '8090:80');
    expect(await fromWorld('http://[fd10:2::2]/')).toBe(direct);
    expect(await fromWorld(`http://[${HOST_6}]:8090/`)).toBe(published);
  });

  test('isolated: the bridge has no address, and the containers meet each other alone', async () => {
    await stage.docker(
      'network',
      'create',
      '--internal',
      '--subnet',
      '10.3.0.0/24',
      '-o',
      `${BRIDGE}.gateway_mode_ipv4=isolated`,
      '-o',
      `${BRIDGE}.name=lonely`,
      'gated',
    );
    await serve('gate', '--network', 'gated');
    expect((await stage.onHost('ip', ['-4', '-o', 'address', 'show', 'lonely'])).stdout).toBe('');
    expect(
      await stage.docker(
        'run',
        '--rm',
        '--network',
        'gated',
        IMAGE,
        'timeout',
        '2',
        'wget',
        '-qO-',
        'http://10.3.0.2/',
      ),
    ).toBe('gate');
    expect((await exec('gate', 'ip', 'route')).stdout).not.toContain('default');
    expect(await onHost('http://10.3.0.2/')).toBe('');
  });

  test.each([
    ['isolated', [], "gateway mode 'isolated' can only be used for an internal network"],
    ['sideways', [], 'unknown gateway mode sideways'],
  ])('%s is refused', async (mode, options, text) => {
    const { stderr } = await stage.outside(stage.client, [
      'network',
      'create',
      ...options,
      '-o',
      `${BRIDGE}.gateway_mode_ipv4=${mode}`,
      'gated',
    ]);
    expect(stderr).toContain(text);
  });
});

describe('a bridge option', () => {
  afterEach(clear);

  test('trusted_host_interfaces: machines behind them may call containers directly', async () => {
    await stage.docker(
      'network',
      'create',
      '--subnet',
      '10.4.0.0/24',
      '-o',
      `${BRIDGE}.trusted_host_interfaces=uplink0`,
      'gated',
    );
    await serve('gate', '--network', 'gated', '-p', '8090:80');
    expect(await fromWorld('http://10.4.0.2/')).toBe('gate');
  });

  test('host_ipv4: containers leave with that address', async () => {
    await stage.docker('network', 'create', '-o', 'com.docker.network.host_ipv4=198.51.100.9', 'gated');
    await serve('gate', '--network', 'gated');
    expect(await sourceOf('gate', WORLD_ADDRESS)).toBe('198.51.100.9');
  });

  test('host_ipv6: containers leave with that address', async () => {
    await stage.onHost('ip', ['address', 'add', 'fd98::9/64', 'dev', 'uplink0', 'nodad']);
    await stage.docker('network', 'create', '--ipv6', '-o', 'com.docker.network.host_ipv6=fd98::9', 'gated');
    await serve('gate', '--network', 'gated');
    expect(await sourceOf('gate', WORLD_6)).toMatch(/^\[?fd98:.*:0*9\]?$/);
  });

  test('inhibit_ipv4: the bridge has no address', async () => {
    await stage.docker('network', 'create', '-o', `${BRIDGE}.inhibit_ipv4=true`, '-o', `${BRIDGE}.name=bare`, 'gated');
    expect((await stage.onHost('ip', ['-4', '-o', 'address', 'show', 'bare'])).stdout).toBe('');
  });
});

test('a UDP flow that goes on comes to whoever has its port now', async () => {
  const asked = async (): Promise<string> => {
    const script = [
      'import socket',
      's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
      's.bind(("", 4000)); s.settimeout(1)',
      `s.sendto(b"x", ("${HOST_ADDRESS}", 5300)); print(s.recv(99).decode().strip())`,
    ].join('\n');
    return (await stage.onWorld('python3', ['-c', script])).stdout.trim();
  };
  await stage.docker('network', 'create', '--subnet', '10.5.0.0/24', 'udp');
  for (const [name, address] of [
    ['first', '10.5.0.11'],
    ['second', '10.5.0.12'],
  ] as const) {
    await stage.docker(
      'run',
      '-d',
      '--name',
      name,
      '--network',
      'udp',
      '--ip',
      address,
      '-p5300:5300/udp',
      IMAGE,
      'sleep',
      '99',
    );
    const pid = await stage.docker('inspect', '-f', '{{.State.Pid}}', name);
    const server = ['-t', pid, '-n', 'timeout', '5', 'socat', 'UDP4-LISTEN:5300,fork', `SYSTEM:echo ${name}`];
    const served = stage.outside('nsenter', server);
    await expect.poll(asked, { timeout: 5000 }).toBe(name);
    await stage.docker('rm', '-f', name);
    await served;
  }
});
