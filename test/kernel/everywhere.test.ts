/** Published ports answer whoever calls them, from wherever, over IPv4 and IPv6: with and without the proxy, on both back ends. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOST_ADDRESS, Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;
const HOST_6 = 'fd98::1';
const IMAGE = 'busybox:1.36';
const SERVE = 'mkdir /w; hostname > /w/index.html; exec httpd -f -p [::]:80 -h /w';

beforeAll(async () => {
  stage = await Stage.set('passerelle-everywhere');
  await stage.onHost('ip', ['address', 'add', `${HOST_6}/64`, 'dev', 'uplink0', 'nodad']);
  await stage.onWorld('ip', ['address', 'add', 'fd98::2/64', 'dev', 'uplink0', 'nodad']);
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterAll(() => stage.close());

const run = (name: string, ...options: string[]): Promise<string> =>
  stage.docker('run', '-d', '--name', name, '--hostname', name, ...options, IMAGE, 'sh', '-c', SERVE);

/** Who answers; nobody, if none does. */
async function answer(from: string, url: string): Promise<string> {
  const curl = ['-sg', '-m', '3', `http://${url}/`];
  if (from === 'world') return (await stage.onWorld('curl', curl)).stdout.trim() || 'nobody';
  if (from === 'host') return (await stage.onHost('curl', curl)).stdout.trim() || 'nobody';
  const pid = await stage.docker('inspect', '-f', '{{.State.Pid}}', from);
  return (await stage.outside('nsenter', ['-t', pid, '-n', 'curl', ...curl])).stdout.trim() || 'nobody';
}

/** `dual` has both families and publishes 8080, `old` has IPv4 alone and publishes 8090. */
const PLACES: readonly (readonly [from: string, url: string])[] = [
  ['world', `${HOST_ADDRESS}:8080`],
  ['world', `[${HOST_6}]:8080`],
  ['world', `${HOST_ADDRESS}:8090`],
  ['world', `[${HOST_6}]:8090`],
  ['host', '127.0.0.1:8080'],
  ['host', '[::1]:8080'],
  ['host', `${HOST_ADDRESS}:8080`],
  ['host', `[${HOST_6}]:8080`],
  ['host', '10.1.0.1:8080'],
  ['host', '[fd10:1::1]:8080'],
  ['host', '172.17.0.1:8080'],
  ['host', '127.0.0.1:8090'],
  ['host', '[::1]:8090'],
  // Itself, a neighbour, a container of another network, one of the default bridge.
  ...['dual', 'mate', 'stranger'].flatMap((from) =>
    [`${HOST_ADDRESS}:8080`, `[${HOST_6}]:8080`, '10.1.0.1:8080', '[fd10:1::1]:8080'].map(
      (url) => [from, url] as const,
    ),
  ),
  ['stranger', `[${HOST_6}]:8090`],
  ['old', `${HOST_ADDRESS}:8090`],
  ['old', '172.17.0.1:8090'],
  ['old', `${HOST_ADDRESS}:8080`],
  ['dual', `${HOST_ADDRESS}:8090`],
];

/** Docker has no way there without the proxy: none from IPv6 to IPv4, nor from [::1]; with its own rules, none to another network. */
const withoutProxy = (backend: string, [from, url]: readonly [string, string]): boolean => {
  if (url.startsWith('[') && (url.endsWith('8090') || url.startsWith('[::1]'))) return false;
  const serves = url.endsWith('8090') ? ['old'] : ['dual', 'mate'];
  return backend === 'nftables' || ['world', 'host', ...serves].includes(from);
};

describe.each([
  { backend: 'iptables', proxy: true },
  { backend: 'iptables', proxy: false },
  { backend: 'nftables', proxy: true },
  { backend: 'nftables', proxy: false },
])('back end $backend, userland proxy: $proxy', ({ backend, proxy }) => {
  beforeAll(async () => {
    await stage.stopDaemon();
    await stage.startDaemon('--firewall-backend', backend, `--userland-proxy=${proxy}`);
    for (const [name, number] of [
      ['one', 1],
      ['two', 2],
    ] as const) {
      const subnets = ['--subnet', `10.${number}.0.0/24`, '--ipv6', '--subnet', `fd10:${number}::/64`];
      await stage.docker('network', 'create', ...subnets, name);
    }
    await run('dual', '--network', 'one', '-p', '8080:80');
    await run('mate', '--network', 'one');
    await run('stranger', '--network', 'two');
    await run('old', '-p', '8090:80');
  });

  afterAll(async () => {
    await stage.docker('rm', '-f', 'dual', 'mate', 'stranger', 'old');
    await stage.docker('network', 'rm', 'one', 'two');
  });

  test('whoever calls is answered', async () => {
    const name = ([from, url]: readonly [string, string]): string => `${from} to ${url}`;
    const seen = await Promise.all(PLACES.map(async (place) => [name(place), await answer(...place)]));
    const wanted = PLACES.map((place) => {
      const isAnswered = proxy || withoutProxy(backend, place);
      return [name(place), isAnswered ? (place[1].endsWith('8090') ? 'old' : 'dual') : 'nobody'];
    });
    expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(wanted));
  });
});
