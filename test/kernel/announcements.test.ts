/** A new address is made known: to containers on the same bridge, and to machines on a macvlan's wire. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage, WORLD_ADDRESS } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;
const IMAGE = 'busybox:1.36';

beforeAll(async () => {
  stage = await Stage.set('passerelle-announce');
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterAll(() => stage.close());

/** What passes a link while `run` runs and until `count` packets came, a line each. */
async function captured(netns: string, link: string, filter: string, count: number, run: () => Promise<unknown>) {
  const options = ['tcpdump', '-lenvv', '-i', link, '-c', String(count), filter];
  const tcpdump = spawn('nsenter', [`--net=/run/netns/${netns}`, ...options], { timeout: 20_000 });
  let text = '';
  tcpdump.stdout.on('data', (data: Buffer) => (text += data.toString()));
  const closed = once(tcpdump, 'close');
  await once(tcpdump.stderr, 'data');
  await run();
  await closed;
  return text.replaceAll(/\n\s+/g, ' ').trim().split('\n');
}

test('who knew an address by another MAC learns the new one at once, over IPv4 and IPv6', async () => {
  const addresses = ['--ip', '172.30.0.9', '--ip6', 'fd00:30::9'];
  const subnets = ['--subnet', '172.30.0.0/24', '--ipv6', '--subnet', 'fd00:30::/64'];
  await stage.docker('network', 'create', ...subnets, 'net');
  await stage.docker('run', '-d', '--name', 'knows', '--network', 'net', IMAGE, 'sleep', '1000');
  const start = (mac: string) =>
    stage.docker(
      'run',
      '-d',
      '--name',
      'known',
      '--network',
      'net',
      ...addresses,
      '--mac-address',
      mac,
      IMAGE,
      'sleep',
      '1000',
    );
  await start('02:00:00:00:00:01');
  for (const address of ['172.30.0.9', 'fd00:30::9']) await stage.docker('exec', 'knows', 'ping', '-c1', address);
  const neighbours = () => stage.docker('exec', 'knows', 'ip', 'neigh');
  expect(await neighbours()).toMatch(/172\.30\.0\.9 .*02:00:00:00:00:01/);
  expect(await neighbours()).toMatch(/fd00:30::9 .*02:00:00:00:00:01/);
  await stage.docker('rm', '-f', 'known');
  await start('02:00:00:00:00:02');
  await expect.poll(neighbours, { timeout: 5000 }).toMatch(/172\.30\.0\.9 .*02:00:00:00:00:02/);
  await expect.poll(neighbours, { timeout: 5000 }).toMatch(/fd00:30::9 .*02:00:00:00:00:02/);
});

test('as often as the network says, and well-formed, on a wire that other machines are on', async () => {
  const subnet = ['--subnet', '198.51.100.0/24', '--gateway', WORLD_ADDRESS, '--ipv6', '--subnet', 'fd00:99::/64'];
  const options = ['-o', 'parent=uplink0', '-o', 'com.docker.network.advertise_addr_ms=100'];
  await stage.docker('network', 'create', '-d', 'macvlan', ...subnet, ...options, 'wire');
  const filter = 'arp or (icmp6 and ip6[40] == 136)';
  const lines = await captured(stage.world, 'uplink0', filter, 6, () =>
    stage.docker(
      'run',
      '-d',
      '--network',
      'wire',
      '--ip',
      '198.51.100.77',
      '--ip6',
      'fd00:99::77',
      IMAGE,
      'sleep',
      '9',
    ),
  );
  const arps = lines.filter((line) => line.includes('ARP'));
  expect(arps).toHaveLength(3);
  for (const line of arps) {
    expect(line).toContain('02:42:c6:33:64:4d > ff:ff:ff:ff:ff:ff');
    expect(line).toContain('who-has 198.51.100.77 tell 198.51.100.77');
  }
  const advertisements = lines.filter((line) => line.includes('neighbor advertisement'));
  expect(advertisements).toHaveLength(3);
  for (const line of advertisements) {
    expect(line).toContain('02:42:c6:33:64:4d > 33:33:00:00:00:01');
    expect(line).toMatch(/hlim 255.*fd00:99::77 > ff02::1: \[icmp6 sum ok\].*tgt is fd00:99::77, Flags \[override\]/);
    expect(line).toContain('destination link-address option (2), length 8 (1): 02:42:c6:33:64:4d');
  }
});

test('not at all, if the network says so', async () => {
  const option = 'com.docker.network.advertise_addr_nmsgs';
  await stage.docker(
    'network',
    'create',
    '-o',
    'com.docker.network.bridge.name=br-quiet',
    '-o',
    `${option}=0`,
    'quiet',
  );
  const lines = await captured(stage.host, 'br-quiet', 'arp', 1, async () => {
    await stage.docker('run', '-d', '--name', 'silent', '--network', 'quiet', IMAGE, 'sleep', '1000');
    await stage.docker(
      'exec',
      'silent',
      'ping',
      '-c1',
      '-W1',
      (await stage.docker('exec', 'silent', 'ip', 'route')).split(' ')[2]!,
    );
  });
  // The first that is heard of it is its own question for the gateway.
  expect(lines[0]).toContain('Request who-has');
  expect(lines[0]).not.toMatch(/who-has (\S+) tell \1,/);
  const refused = await stage.outside(stage.client, ['network', 'create', '-o', `${option}=4`, 'loud']);
  expect(refused.stderr).toBe(`Error response from daemon: ${option} must be in the range 0 to 3\n`);
});
