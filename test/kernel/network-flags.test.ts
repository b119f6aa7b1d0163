/** `docker run --network` in its long form, and the flags that docker has from version 28: where such a docker is installed. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

const IMAGE = 'busybox:1.36';

/** A docker of version 28 or later. */
const modern = ['/usr/local/bin/docker', '/usr/bin/docker'].find((path) => {
  try {
    return Number(/version (\d+)/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' }))?.[1]) >= 28;
  } catch {
    return false;
  }
});

describe.skipIf(!modern)(`with ${modern ?? 'docker 28, which is not installed'}`, () => {
  let stage: Stage;
  const docker = (...args: string[]): Promise<string> => stage.docker(...args);
  const exec = (...command: string[]): Promise<string> => docker('exec', 'guest', ...command);
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await stage.outside(modern!, args);
    expect(code).not.toBe(0);
    return stderr;
  };

  beforeAll(async () => {
    stage = await Stage.set('passerelle-flags');
    stage.client = modern!;
    await stage.startDaemon();
    await loadBusybox(stage);
    await docker('network', 'create', '--subnet', '10.60.0.0/24', '--ipv6', '--subnet', 'fd00:60::/64', 'one');
    await docker('network', 'create', '--subnet', '10.61.0.0/24', 'two');
    await docker('network', 'create', '--subnet', '10.62.0.0/24', 'three');
  });

  afterAll(() => stage?.close());

  test('a place is as its fields say, each on its own network', async () => {
    const fields = [
      'name=one,ip=10.60.0.20,ip6=fd00:60::20,alias=first,alias=second,mac-address=02:00:00:00:00:09',
      'link-local-ip=169.254.9.9,gw-priority=10',
      'driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1',
    ].join(',');
    await docker(
      'run',
      '-d',
      '--name',
      'guest',
      '--network',
      fields,
      '--network',
      'name=two,gw-priority=100',
      IMAGE,
      'sleep',
      '1000',
    );
    const { one, two } = JSON.parse(await docker('inspect', '-f', '{{json .NetworkSettings.Networks}}', 'guest'));
    expect(one).toMatchObject({
      IPAMConfig: { IPv4Address: '10.60.0.20', IPv6Address: 'fd00:60::20', LinkLocalIPs: ['169.254.9.9'] },
      Aliases: ['first', 'second'],
      MacAddress: '02:00:00:00:00:09',
      GwPriority: 10,
      IPAddress: '10.60.0.20',
      GlobalIPv6Address: 'fd00:60::20',
    });
    expect(one.DNSNames).toEqual(expect.arrayContaining(['guest', 'first', 'second']));
    expect(two).toMatchObject({ IPAddress: '10.61.0.2', GwPriority: 100 });
    // The network that leads out comes first.
    const addresses = await exec('ip', '-o', 'address', 'show', 'eth1');
    for (const address of ['10.60.0.20/24', 'fd00:60::20/64', '169.254.9.9/16']) expect(addresses).toContain(address);
    expect(await exec('ip', 'link', 'show', 'eth1')).toContain('02:00:00:00:00:09');
    expect(await exec('cat', '/proc/sys/net/ipv4/conf/eth1/log_martians')).toBe('1');
  });

  test('the way out is that of the highest priority, for each family, and moves with connect and disconnect', async () => {
    expect(await exec('ip', 'route')).toContain('default via 10.61.0.1 dev eth0');
    expect(await exec('ip', '-6', 'route')).toContain('default via fd00:60::1 dev eth1');
    await docker(
      'network',
      'connect',
      '--gw-priority',
      '200',
      '--driver-opt',
      'com.docker.network.endpoint.ifname=lan7',
      'three',
      'guest',
    );
    expect(await exec('ip', 'route')).toContain('default via 10.62.0.1 dev lan7');
    await docker('network', 'disconnect', 'three', 'guest');
    expect(await exec('ip', 'route')).toContain('default via 10.61.0.1 dev eth0');
    await docker('network', 'disconnect', 'two', 'guest');
    expect(await exec('ip', 'route')).toContain('default via 10.60.0.1 dev eth1');
  });

  test('networks of IPv6 alone; of neither there are none', async () => {
    await docker('network', 'create', '--ipv4=false', '--ipv6', 'six');
    expect(await docker('network', 'inspect', '-f', '{{.EnableIPv4}} {{.EnableIPv6}}', 'six')).toBe('false true');
    const addresses = await docker('run', '--rm', '--network', 'six', IMAGE, 'ip', '-o', 'address', 'show', 'eth0');
    expect(addresses).toMatch(/inet6 fd[\da-f:]+::2\/64/);
    expect(addresses).not.toContain('inet ');
    expect(await refused('network', 'create', '--ipv4=false', 'neither')).toContain('IPv4 or IPv6 must be enabled');
  });

  test('lists as JSON, with the families', async () => {
    const lines = (await docker('network', 'ls', '--format', 'json')).split('\n');
    const rows = lines.map((line) => JSON.parse(line) as { Name: string; IPv4: string; IPv6: string });
    expect(rows.find(({ Name }) => Name === 'six')).toMatchObject({ IPv4: 'false', IPv6: 'true' });
    expect(rows.find(({ Name }) => Name === 'two')).toMatchObject({ IPv4: 'true', IPv6: 'false' });
  });

  test('a removal that is forced passes over what is not there', async () => {
    await docker('network', 'rm', '-f', 'nosuch');
    expect(await refused('network', 'rm', 'nosuch')).toContain('network nosuch not found');
  });
});
