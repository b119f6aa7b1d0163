/** Networks as docker lists, prunes and refuses them, and addresses where there are few. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;
const IMAGE = 'busybox:1.36';

beforeAll(async () => {
  stage = await Stage.set('passerelle-networks');
  await stage.onHost('ip', ['route', 'add', '172.18.0.0/17', 'dev', 'uplink0']);
  stage.resolvConf = join(stage.directory, 'resolv.conf');
  await writeFile(stage.resolvConf, 'nameserver 172.19.0.53\n');
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterAll(() => stage.close());

const refused = async (...args: string[]): Promise<string> => {
  const { code, stderr } = await stage.outside(stage.client, args);
  expect(code).not.toBe(0);
  return stderr.trim();
};
const address = async (network: string, ...options: string[]): Promise<string> =>
  (
    await stage.docker(
      'run',
      '--rm',
      '--network',
      network,
      ...options,
      IMAGE,
      'ip',
      '-o',
      '-4',
      'address',
      'show',
      'eth0',
    )
  ).split(/\s+/)[3]!;

test('subnets of the pools that the host has a route into, or its name server in, are left out', async () => {
  await stage.docker('network', 'create', 'first');
  expect(await address('first')).toBe('172.20.0.2/16');
  await stage.docker('network', 'rm', 'first');
});

describe('listing', () => {
  beforeAll(async () => {
    await stage.docker('network', 'create', '--label', 'team=a', '--label', 'kept', 'alpha');
    await stage.docker('network', 'create', '--label', 'team=b', '--internal', 'beta');
    await stage.docker('run', '-d', '--name', 'user', '--network', 'beta', IMAGE, 'sleep', '1000');
  });

  test.each([
    [['driver=bridge'], ['alpha', 'beta', 'bridge']],
    [
      ['driver=bridge', 'driver=host'],
      ['alpha', 'beta', 'bridge', 'host'],
    ],
    [['type=builtin'], ['bridge', 'host', 'none']],
    [['type=custom'], ['alpha', 'beta']],
    [['label=team'], ['alpha', 'beta']],
    [['label=team=a'], ['alpha']],
    [['label=team', 'label=kept'], ['alpha']],
    [['name=alp'], ['alpha']],
    [['scope=local', 'name=host'], ['host']],
    [['scope=swarm'], []],
    [['dangling=true'], ['alpha']],
    [['dangling=false', 'type=custom'], ['beta']],
  ])('%j', async (filters, names) => {
    const shown = await stage.docker(
      'network',
      'ls',
      '--format',
      '{{.Name}}',
      ...filters.flatMap((its) => ['-f', its]),
    );
    expect(shown.split('\n').filter(Boolean)).toEqual(names);
  });

  test('by id', async () => {
    const id = await stage.docker('network', 'inspect', '-f', '{{.Id}}', 'alpha');
    expect(await stage.docker('network', 'ls', '--no-trunc', '-q', '-f', `id=${id.slice(0, 8)}`)).toBe(id);
  });

  test.each([
    ['nonsense=1', "invalid filter 'nonsense'"],
    ['type=x', "invalid filter: 'type'='x'"],
    ['dangling=x', 'invalid filter'],
  ])('%s is refused', async (filter, text) => expect(await refused('network', 'ls', '-f', filter)).toContain(text));
});

test('prune takes what is unused, old enough and labelled as asked', async () => {
  const prune = async (...filters: string[]): Promise<string[]> =>
    (await stage.docker('network', 'prune', '-f', ...filters.flatMap((its) => ['--filter', its])))
      .split('\n')
      .slice(1)
      .filter(Boolean);
  expect(await prune('until=1h')).toEqual([]);
  expect(await prune('label!=kept')).toEqual([]);
  expect(await prune('label=team=b')).toEqual([]);
  expect(await refused('network', 'prune', '-f', '--filter', 'driver=bridge')).toContain("invalid filter 'driver'");
  expect(await prune('label=team=a', 'until=0s')).toEqual(['alpha']);
  await stage.docker('rm', '-f', 'user');
  expect(await prune()).toEqual(['beta']);
});

describe('addresses', () => {
  test.each([
    ['10.30.0.0/30', '10.30.0.2/30', 'no available IPv4 addresses'],
    ['10.30.0.0/31', '10.30.0.1/31', 'no available IPv4 addresses'],
  ])('%s holds one container beside the gateway', async (subnet, given, text) => {
    await stage.docker('network', 'create', '--subnet', subnet, 'small');
    await stage.docker('run', '-d', '--name', 'only', '--network', 'small', IMAGE, 'sleep', '1000');
    expect(
      await stage.docker(
        'inspect',
        '-f',
        '{{range .NetworkSettings.Networks}}{{.IPAddress}}/{{.IPPrefixLen}}{{end}}',
        'only',
      ),
    ).toBe(given);
    expect(await refused('run', '--rm', '--network', 'small', IMAGE, 'true')).toContain(text);
    await stage.docker('rm', '-f', 'only');
    await stage.docker('network', 'rm', 'small');
  });

  test('when no subnet is left it is told who holds what; one that is released is given again', async () => {
    const made: string[] = [];
    let told = '';
    while (told === '') {
      const { code, stderr } = await stage.outside(stage.client, ['network', 'create', `pool${made.length}`]);
      if (code === 0) made.push(`pool${made.length}`);
      else told = stderr;
    }
    expect(told).toContain(
      'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network (',
    );
    const subnet = (name: string) =>
      stage.docker('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', name);
    const released = await subnet('pool3');
    for (const holder of [
      `network pool3 has ${released}`,
      'the host needs 172.18.0.0/17',
      'the host needs 172.19.0.53',
    ]) {
      expect(told).toContain(holder);
    }
    await stage.docker('network', 'rm', 'pool3');
    await stage.docker('network', 'create', 'pool3');
    expect(await subnet('pool3')).toBe(released);
    await stage.docker('network', 'rm', ...made);
  });

  test('a single address is the gateway', async () => {
    await stage.docker('network', 'create', '--subnet', '10.30.0.9/32', 'single');
    expect(await refused('run', '--rm', '--network', 'single', IMAGE, 'true')).toContain('no available IPv4 addresses');
    await stage.docker('network', 'rm', 'single');
  });

  test("a stopped container's own address goes only to who asks for just that one", async () => {
    await stage.docker(
      'network',
      'create',
      '--subnet',
      '10.31.0.0/24',
      '--ip-range',
      '10.31.0.0/29',
      '--aux-address',
      'printer=10.31.0.2',
      'kept',
    );
    await stage.docker('create', '--name', 'owner', '--network', 'kept', '--ip', '10.31.0.3', IMAGE, 'sleep', '1000');
    expect(await address('kept')).toBe('10.31.0.4/24');
    await stage.docker('run', '-d', '--name', 'heir', '--network', 'kept', '--ip', '10.31.0.3', IMAGE, 'sleep', '1000');
    expect(await refused('start', 'owner')).toContain('Address already in use');
    await stage.docker('rm', '-f', 'heir');
    expect(await refused('run', '--rm', '--network', 'kept', '--ip', '10.31.0.2', IMAGE, 'true')).toContain(
      'Address already in use',
    );
    expect(await refused('run', '--rm', '--network', 'kept', '--ip', '10.99.0.2', IMAGE, 'true')).toContain(
      'no configured subnet contains IP address 10.99.0.2',
    );
    await stage.docker('start', 'owner');
    expect(await stage.docker('exec', 'owner', 'ip', '-o', '-4', 'address', 'show', 'eth0')).toContain('10.31.0.3/24');
    await stage.docker('rm', '-f', 'owner');
    await stage.docker('network', 'rm', 'kept');
  });
});

test('a configuration network lends its settings, and cannot go while it does', async () => {
  await stage.docker('network', 'create', '--config-only', '--subnet', '10.32.0.0/24', '--label', 'x=y', 'template');
  await stage.docker('network', 'create', '--config-from', 'template', 'copy');
  expect(await address('copy')).toBe('10.32.0.2/24');
  expect(await refused('network', 'rm', 'template')).toContain('configuration network "template" is in use');
  expect(await refused('run', '--rm', '--network', 'template', IMAGE, 'true')).toContain('configuration-only network');
  await stage.docker('network', 'rm', 'copy');
  await stage.docker('network', 'rm', 'template');
});

test('the bridge has the name and MTU that were asked for, the containers’ links their prefix', async () => {
  const options = ['bridge.name=mine0', 'container_iface_prefix=lan', 'driver.mtu=1234'];
  await stage.docker('network', 'create', ...options.flatMap((its) => ['-o', `com.docker.network.${its}`]), 'dressed');
  const link = await stage.docker(
    'run',
    '--rm',
    '--network',
    'dressed',
    'busybox:1.36',
    'ip',
    '-o',
    'link',
    'show',
    'lan0',
  );
  expect(link).toContain('mtu 1234');
  await stage.docker('run', '-d', '--name', 'wearer', '--network', 'dressed', 'busybox:1.36', 'sleep', '1000');
  expect((await stage.onHost('ip', ['-o', 'link', 'show', 'master', 'mine0'])).stdout).toMatch(/veth.* mtu 1234 /);
  await stage.docker('rm', '-f', 'wearer');
  await stage.docker('network', 'rm', 'dressed');
  expect((await stage.onHost('ip', ['link', 'show', 'mine0'])).code).not.toBe(0);
});

test('a bridge that was there is brought up, gets the gateway that it lacks, and is left as it was', async () => {
  const address = async (): Promise<string> =>
    (await stage.onHost('ip', ['-4', '-br', 'address', 'show', 'there0'])).stdout;
  await stage.onHost('ip', ['link', 'add', 'there0', 'type', 'bridge']);
  await stage.onHost('ip', ['address', 'add', '10.130.0.5/24', 'dev', 'there0']);
  const own = await address();
  const create = ['network', 'create', '-o', 'com.docker.network.bridge.name=there0', '--subnet', '10.130.0.0/24'];
  for (const gateway of ['10.130.0.1', '10.130.0.5']) {
    await stage.docker(...create, '--gateway', gateway, 'guest');
    expect(await address()).toContain('10.130.0.5/24');
    expect(await address()).toContain(`${gateway}/24`);
    const ping = ['run', '--rm', '--network', 'guest', 'busybox:1.36', 'ping', '-c1', '-W2', gateway];
    expect(await stage.docker(...ping)).toContain('1 packets received');
    await stage.docker('network', 'rm', 'guest');
    expect((await address()).split(/\s+/).slice(2)).toEqual(own.split(/\s+/).slice(2));
  }
  await stage.onHost('ip', ['link', 'delete', 'there0']);
});
