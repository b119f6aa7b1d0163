/** Real packets through networks that the real docker command line made. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOST_ADDRESS, Stage, WORLD_ADDRESS } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;
const SERVE = 'mkdir /w; hostname > /w/index.html; exec httpd -f -h /w';

beforeAll(async () => {
  stage = await Stage.set('passerelle-packets');
  await stage.startDaemon();
  await loadBusybox(stage);
  await stage.docker('network', 'create', 'one');
  await stage.docker('network', 'create', 'two');
  await stage.docker(
    'run',
    '-d',
    '--name',
    'web',
    '--hostname',
    'web',
    '--network',
    'one',
    '--network-alias',
    'www',
    '-p',
    '8080:80',
    'busybox:1.36',
    'sh',
    '-c',
    SERVE,
  );
  await stage.docker('run', '-d', '--name', 'mate', '--network', 'one', 'busybox:1.36', 'sleep', '1000');
  await stage.docker('run', '-d', '--name', 'stranger', '--network', 'two', 'busybox:1.36', 'sleep', '1000');
});

afterAll(() => stage.close());

const fetch = (container: string, url: string) =>
  stage.outside(stage.client, ['exec', container, 'timeout', '2', 'wget', '-q', '-O', '-', url]);
const addressOf = (container: string, network: string): Promise<string> =>
  stage.docker('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, container);

describe('a published port answers', () => {
  test.each(['127.0.0.1', HOST_ADDRESS, '172.17.0.1', '[::1]'])('on the host, by %s', async (address) => {
    const { stdout } = await stage.onHost('curl', ['-s', '-m', '3', `http://${address}:8080/`]);
    expect(stdout).toBe('web\n');
  });

  test('from another machine', async () => {
    const { stdout } = await stage.onWorld('curl', ['-s', '-m', '3', `http://${HOST_ADDRESS}:8080/`]);
    expect(stdout).toBe('web\n');
  });

  test.each(['web', 'mate', 'stranger'])("from container %s, by the host's address", async (container) => {
    expect((await fetch(container, `http://${HOST_ADDRESS}:8080/`)).stdout).toBe('web\n');
  });
});

describe('containers', () => {
  test('of one network reach each other, by address and by name', async () => {
    for (const name of [
      await addressOf('web', 'one'),
      'web',
      'www',
      'WEB',
      'web.one',
      await stage.docker('ps', '-qf', 'name=web'),
    ]) {
      expect((await fetch('mate', `http://${name}/`)).stdout, name).toBe('web\n');
    }
  });

  test('of two networks do not, neither by address nor by name', async () => {
    expect((await fetch('stranger', `http://${await addressOf('web', 'one')}/`)).code).not.toBe(0);
    expect((await fetch('stranger', 'http://web/')).code).not.toBe(0);
  });

  test('reach another machine with their source rewritten', async () => {
    const capture = stage.onWorld('timeout', [
      '5',
      'tcpdump',
      '-nni',
      'uplink0',
      '-c',
      '1',
      'icmp[icmptype] == icmp-echo',
    ]);
    await new Promise((done) => setTimeout(done, 1000));
    await stage.docker('exec', 'mate', 'ping', '-c', '1', '-W', '2', WORLD_ADDRESS);
    expect((await capture).stdout).toContain(`IP ${HOST_ADDRESS} > ${WORLD_ADDRESS}: ICMP echo request`);
  });

  test('on none have loopback only', async () => {
    const links = await stage.docker('run', '--rm', '--network', 'none', 'busybox:1.36', 'ip', '-o', 'link');
    expect(links.split('\n')).toHaveLength(1);
    expect(links).toContain('lo: <LOOPBACK,UP');
  });

  test("on host see the host's links", async () => {
    const seen = await stage.docker('run', '--rm', '--network', 'host', 'busybox:1.36', 'ip', '-o', 'link');
    expect(seen).toContain('uplink0');
    expect(seen).toContain('docker0');
    const names = await stage.docker('run', '--rm', '--network', 'host', 'busybox:1.36', 'cat', '/etc/hosts');
    expect(names).toBe((await readFile('/etc/hosts', 'utf8')).trim());
  });

  test("in container mode share the other one's", async () => {
    const own = await stage.docker('exec', 'web', 'ip', '-o', 'address');
    expect(await stage.docker('run', '--rm', '--network', 'container:web', 'busybox:1.36', 'ip', '-o', 'address')).toBe(
      own,
    );
  });
});

describe('connect and disconnect while running', () => {
  test('the second network works at once and goes at once', async () => {
    await stage.docker('network', 'connect', '--alias', 'guest', 'one', 'stranger');
    expect((await fetch('stranger', 'http://web/')).stdout).toBe('web\n');
    expect(await stage.docker('exec', 'stranger', 'ip', '-o', 'link')).toContain('eth1');
    expect((await stage.outside(stage.client, ['exec', 'mate', 'ping', '-c', '1', '-W', '2', 'guest'])).code).toBe(0);
    await stage.docker('network', 'disconnect', 'one', 'stranger');
    expect(await stage.docker('exec', 'stranger', 'ip', '-o', 'link')).not.toContain('eth1');
    expect((await fetch('stranger', 'http://web/')).code).not.toBe(0);
  });

  test('the published port moves with the way out', async () => {
    await stage.docker('network', 'create', 'alpha');
    await stage.docker('network', 'connect', 'alpha', 'web');
    const address = await addressOf('web', 'alpha');
    const { stdout: nat } = await stage.onHost('iptables-save', ['-t', 'nat']);
    expect(nat).toContain(`--dport 8080 -j DNAT --to-destination ${address}:80`);
    expect((await stage.onWorld('curl', ['-s', '-m', '3', `http://${HOST_ADDRESS}:8080/`])).stdout).toBe('web\n');
    await stage.docker('network', 'disconnect', 'alpha', 'web');
    expect((await stage.onWorld('curl', ['-s', '-m', '3', `http://${HOST_ADDRESS}:8080/`])).stdout).toBe('web\n');
    await stage.docker('network', 'rm', 'alpha');
  });
});
