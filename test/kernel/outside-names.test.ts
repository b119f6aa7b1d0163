/** Names as a container finds them, through 127.0.0.11: its networks' own, and the outside's by servers of the host or its own. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { address, code, DnsServers } from '../support/dns-servers.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;
const IMAGE = 'busybox:1.36';
const servers = new DnsServers();
const { asked } = servers;
/** Servers that only the host itself reaches. */
const [FIRST, SECOND, THIRD] = ['127.0.1.1', '127.0.1.2', '127.0.1.3'];

const hostNamespace = (): string => `/run/netns/${stage.host}`;
const pidOf = (container: string): Promise<string> => stage.docker('inspect', '-f', '{{.State.Pid}}', container);
const hostServers = (...lines: string[]): Promise<void> => writeFile(stage.resolvConf!, `${lines.join('\n')}\n`);
const run = (name: string, ...options: string[]): Promise<string> =>
  stage.docker('run', '-d', '--name', name, ...options, IMAGE, 'sleep', '1000');

/** dig in a container's namespace, where busybox has none. */
async function dig(container: string, ...words: string[]): Promise<string> {
  const options = ['-t', await pidOf(container), '-n', 'dig', '@127.0.0.11', '+tries=1', '+time=9', ...words];
  return (await stage.outside('nsenter', options)).stdout.trim();
}
const short = (container: string, ...words: string[]): Promise<string> => dig(container, '+short', ...words);

beforeAll(async () => {
  stage = await Stage.set('passerelle-outside');
  stage.resolvConf = join(stage.directory, 'resolv.conf');
  await hostServers(`nameserver ${FIRST}`, `nameserver ${SECOND}`, 'search corp.example', 'options timeout:3');
  await stage.startDaemon();
  await loadBusybox(stage);
  await stage.docker('network', 'create', 'net');
  await stage.docker('network', 'create', 'far');
  await stage.docker('network', 'create', '--internal', 'inside');
  await run('web', '--network', 'net', '--network-alias', 'pool', '--hostname', 'www-host');
  await run('mate', '--network', 'net', '--network-alias', 'pool');
  await run('stranger', '--network', 'far', '--network-alias', 'pool');
});

afterEach(() => servers.clear());
afterAll(() => stage.close());

describe('names of the outside', () => {
  test("are asked of the host's servers, from where the host is", async () => {
    servers.add(FIRST, address('192.0.2.1'), hostNamespace());
    expect(await short('web', 'example.org')).toBe('192.0.2.1');
    expect(await stage.docker('exec', 'web', 'nslookup', '-type=a', 'example.org')).toContain('192.0.2.1');
    expect(await short('web', '+tcp', 'example.org')).toBe('192.0.2.1');
    expect(asked).toEqual([`${FIRST} udp example.org`, `${FIRST} udp example.org`, `${FIRST} tcp example.org`]);
  });

  test('are asked of the next server where one is silent about them', async () => {
    servers.add(FIRST, code(2), hostNamespace());
    servers.add(SECOND, address('192.0.2.2'), hostNamespace());
    expect(await short('web', 'example.org')).toBe('192.0.2.2');
    servers.clear();
    servers.add(SECOND, address('192.0.2.2'), hostNamespace());
    expect(await short('web', 'example.org')).toBe('192.0.2.2');
  });

  test('are completed with the search domains; a name without dots is tried as it is first', async () => {
    servers.add(FIRST, code(3), hostNamespace());
    await stage.outside(stage.client, ['exec', 'web', 'ping', '-c', '1', 'printer']);
    expect(new Set(asked)).toEqual(new Set([`${FIRST} udp printer`, `${FIRST} udp printer.corp.example`]));
    expect(asked[0]).toBe(`${FIRST} udp printer`);
  });

  test('are asked of other servers once the host has others, in containers that run', async () => {
    servers.add(THIRD, address('192.0.2.3'), hostNamespace());
    await hostServers(`nameserver ${THIRD}`, 'search corp.example');
    await expect.poll(() => short('web', 'example.org'), { timeout: 10_000 }).toBe('192.0.2.3');
    await hostServers(`nameserver ${FIRST}`, 'search corp.example', 'options timeout:3');
    servers.add(FIRST, address('192.0.2.1'), hostNamespace());
    await expect.poll(() => short('web', 'example.org'), { timeout: 10_000 }).toBe('192.0.2.1');
  });

  test('are asked of nobody for a container that is on internal networks alone', async () => {
    servers.add(FIRST, address('192.0.2.1'), hostNamespace());
    await run('shut', '--network', 'inside');
    expect(await dig('shut', 'example.org')).toContain('status: SERVFAIL');
    expect(await short('shut', 'shut')).toMatch(/^172\./);
    expect(asked).toEqual([]);
    await stage.docker('network', 'connect', 'net', 'shut');
    expect(await short('shut', 'example.org')).toBe('192.0.2.1');
  });

  test('are asked of the servers of `--dns` from the container’s own place, with its own search and options', async () => {
    const options = ['--dns', THIRD, '--dns-search', 'own.example', '--dns-opt', 'attempts:1'];
    await run('chooser', '--network', 'net', ...options);
    servers.add(FIRST, address('192.0.2.1'), hostNamespace());
    servers.add(THIRD, address('192.0.2.33'), `/proc/${await pidOf('chooser')}/ns/net`);
    expect(await short('chooser', 'example.org')).toBe('192.0.2.33');
    expect(asked).toEqual([`${THIRD} udp example.org`]);
    expect(await stage.docker('exec', 'chooser', 'cat', '/etc/resolv.conf')).toBe(
      'search own.example\nnameserver 127.0.0.11\noptions attempts:1 ndots:0',
    );
  });

  test('on the default bridge, are asked of servers that the container reaches itself', async () => {
    const conf = (...options: string[]) => stage.docker('run', '--rm', ...options, IMAGE, 'cat', '/etc/resolv.conf');
    expect(await conf()).toBe('search corp.example\nnameserver 8.8.8.8\nnameserver 8.8.4.4\noptions timeout:3');
    expect(await conf('--dns', '192.0.2.53', '--dns-search', '.')).toBe('nameserver 192.0.2.53\noptions timeout:3');
    expect(await conf('--network', 'host')).toContain(`nameserver ${FIRST}`);
  });
});

describe('names of our own', () => {
  const addressIn = (container: string, network: string): Promise<string> =>
    stage.docker('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, container);

  test('are those of the container’s networks alone, and asked of nobody else', async () => {
    servers.add(FIRST, code(3), hostNamespace());
    const own = await addressIn('web', 'net');
    const id = await stage.docker('inspect', '-f', '{{slice .Id 0 12}}', 'web');
    for (const name of ['web', 'WEB', 'Web.Net', 'www-host', id, `${id}.net`])
      expect(await short('mate', name)).toBe(own);
    expect(asked).toEqual([]);
    expect(await dig('stranger', 'web')).toContain('status: NXDOMAIN');
    expect(await dig('mate', 'stranger')).toContain('status: NXDOMAIN');
    expect(asked).toEqual([`${FIRST} udp web`, `${FIRST} udp stranger`]);
  });

  test('an alias of several containers is answered with all of them, in changing order', async () => {
    const both = [await addressIn('web', 'net'), await addressIn('mate', 'net')].toSorted();
    const orders = new Set<string>();
    for (let count = 0; count < 30 && orders.size < 2; count++) {
      const answer = await short('web', 'pool');
      expect(answer.split('\n').toSorted()).toEqual(both);
      orders.add(answer);
    }
    expect(orders.size).toBe(2);
    expect(await short('stranger', 'pool')).toBe(await addressIn('stranger', 'far'));
  });

  test('have no IPv6 address where the network has none: an answer without records', async () => {
    const answer = await dig('mate', 'web', 'AAAA');
    expect(answer).toContain('status: NOERROR');
    expect(answer).toContain('ANSWER: 0');
  });

  test('are found by their addresses too; other addresses are asked of the outside', async () => {
    servers.add(FIRST, code(3), hostNamespace());
    expect(await short('mate', '-x', await addressIn('web', 'net'))).toBe('web.net.');
    expect(asked).toEqual([]);
    await dig('mate', '-x', '192.0.2.7');
    expect(asked).toEqual([`${FIRST} udp 7.2.0.192.in-addr.arpa`]);
  });

  test('follow rename, connect and disconnect', async () => {
    await stage.docker('rename', 'web', 'site');
    servers.add(FIRST, code(3), hostNamespace());
    expect(await short('mate', 'site')).toBe(await addressIn('site', 'net'));
    expect(await dig('mate', 'web')).toContain('status: NXDOMAIN');
    await stage.docker('network', 'connect', '--alias', 'guest', 'far', 'site');
    expect(await short('stranger', 'guest')).toBe(await addressIn('site', 'far'));
    await stage.docker('network', 'disconnect', 'far', 'site');
    expect(await dig('stranger', 'guest')).toContain('status: NXDOMAIN');
  });
});
