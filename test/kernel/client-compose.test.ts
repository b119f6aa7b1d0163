/** docker-compose 1.29, unchanged, against the daemon. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stage, type Output } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

const IMAGE = 'busybox:1.36';
let stage: Stage;
let folder: string;

beforeAll(async () => {
  stage = await Stage.set('passerelle-compose');
  await stage.startDaemon();
  await loadBusybox(stage);
  folder = join(stage.directory, 'shop');
  await mkdir(folder);
});

afterAll(() => stage.close());

const project = (web = 'sleep 1000', stored = 'stored'): string => `version: "2.4"
services:
  store:
    image: ${IMAGE}
    command: sh -c "echo ${stored} > /data/file; touch /ready; exec sleep 1000"
    volumes: [data:/data]
    networks:
      back: {ipv4_address: 10.66.0.10, aliases: [db, storage]}
    healthcheck: {test: [CMD, test, -e, /ready], interval: 200ms, retries: 20}
  web:
    image: ${IMAGE}
    command: ${web}
    depends_on: {store: {condition: service_healthy}}
    ports: ["18080:80", "127.0.0.1::53/udp"]
    volumes: ["data:/data:ro"]
    networks:
      back: {}
      front: {aliases: [www]}
  worker:
    image: ${IMAGE}
    command: sleep 1000
    depends_on: [store]
    networks: [front]
networks:
  back:
    driver_opts: {com.docker.network.bridge.name: back0}
    ipam: {config: [{subnet: 10.66.0.0/24, gateway: 10.66.0.1}]}
  front: {internal: true}
volumes:
  data: {}
`;

async function compose(...args: string[]): Promise<Output> {
  const output = await stage.outside('docker-compose', args, { cwd: folder });
  expect(output.code, output.stderr).toBe(0);
  return output;
}

const docker = (...args: string[]): Promise<string> => stage.docker(...args);
const write = (text: string): Promise<void> => writeFile(join(folder, 'docker-compose.yml'), text);
const ids = async (): Promise<string[]> => (await compose('ps', '-q')).stdout.trim().split('\n').sort();

describe('a project of three services, two networks and a volume', () => {
  test('comes up in the order of its dependencies', async () => {
    await write(project());
    const { stderr } = await compose('up', '-d');
    for (const made of [
      'network "shop_back"',
      'network "shop_front"',
      'volume "shop_data"',
      'shop_store_1',
      'shop_web_1',
    ])
      expect(stderr).toContain(`Creating ${made}`);
    const [store = '', web = ''] = (
      await docker('inspect', '-f', '{{.State.StartedAt}} {{.Name}}', 'shop_store_1', 'shop_web_1')
    ).split('\n');
    expect(store < web).toBe(true);
    const { stdout } = await compose('ps');
    expect(stdout).toMatch(/shop_store_1 .* Up \(healthy\)/);
    expect(stdout).toMatch(/shop_web_1 .* Up +127\.0\.0\.1:\d+->53\/udp, 0\.0\.0\.0:18080->80\/tcp/);
  });

  test('has its addresses, names, volume and ports', async () => {
    expect(await docker('inspect', '-f', '{{.NetworkSettings.Networks.shop_back.IPAddress}}', 'shop_store_1')).toBe(
      '10.66.0.10',
    );
    for (const name of ['store', 'db', 'storage', 'shop_store_1'])
      expect(await docker('exec', 'shop_web_1', 'ping', '-c1', '-W2', name)).toContain('10.66.0.10');
    expect(await docker('exec', 'shop_worker_1', 'ping', '-c1', '-W2', 'www')).toContain('1 packets received');
    expect((await stage.outside(stage.client, ['exec', 'shop_worker_1', 'nslookup', 'store'])).code).not.toBe(0);
    expect(await docker('exec', 'shop_web_1', 'cat', '/data/file')).toBe('stored');
    expect((await compose('port', 'web', '80')).stdout.trim()).toBe('0.0.0.0:18080');
    expect((await stage.onHost('ip', ['-br', 'link', 'show', 'back0'])).stdout).toContain('UP');
    expect((await compose('exec', '-T', 'store', 'hostname', '-i')).stdout.trim()).toBe('10.66.0.10');
    expect((await compose('top', 'store')).stdout).toContain('sleep 1000');
  });

  test('a second up changes nothing', async () => {
    const before = await ids();
    const { stderr } = await compose('up', '-d');
    expect(stderr).toContain('shop_web_1 is up-to-date');
    expect(stderr).not.toMatch(/Creating|Recreating/);
    expect(await ids()).toEqual(before);
  });

  test('a change recreates what it concerns and nothing else', async () => {
    const [store, web] = [
      await docker('inspect', '-f', '{{.Id}}', 'shop_store_1'),
      await docker('inspect', '-f', '{{.Id}}', 'shop_web_1'),
    ];
    await write(project('sleep 2000'));
    const { stderr } = await compose('up', '-d', '-t', '0');
    expect(stderr).toContain('Recreating shop_web_1');
    expect(stderr).toContain('shop_store_1 is up-to-date');
    expect(await docker('inspect', '-f', '{{.Id}}', 'shop_store_1')).toBe(store);
    expect(await docker('inspect', '-f', '{{.Id}}', 'shop_web_1')).not.toBe(web);
    expect((await compose('port', 'web', '80')).stdout.trim()).toBe('0.0.0.0:18080');
  });

  test('a container with an address of its own is recreated with it', async () => {
    await write(project('sleep 2000', 'again'));
    const { stderr } = await compose('up', '-d', '-t', '0');
    expect(stderr).toContain('Recreating shop_store_1');
    expect(await docker('exec', 'shop_store_1', 'cat', '/data/file')).toBe('again');
    const place = '{{.NetworkSettings.Networks.shop_back.IPAddress}}';
    expect(await docker('inspect', '-f', place, 'shop_store_1')).toBe('10.66.0.10');
  });

  test('scales up and down; each has its own address behind the one name', async () => {
    await compose('up', '-d', '-t', '0', '--scale', 'worker=3');
    expect((await compose('ps', '-q', 'worker')).stdout.trim().split('\n')).toHaveLength(3);
    const { stdout } = await compose('exec', '-T', 'web', 'nslookup', 'worker');
    expect(new Set(stdout.match(/Address(?: \d+)?: +172\.[\d.]+/g)).size).toBe(3);
    await compose('up', '-d', '-t', '0', '--scale', 'worker=1');
    expect((await compose('ps', '-q', 'worker')).stdout.trim().split('\n')).toHaveLength(1);
  });

  test('stops, starts, restarts, is paused, runs one more, tells its logs', async () => {
    await compose('stop', '-t', '0', 'worker');
    await compose('start', 'worker');
    await compose('restart', '-t', '0', 'worker');
    await compose('pause', 'worker');
    await compose('unpause', 'worker');
    expect((await compose('run', '--rm', '-T', 'worker', 'echo', 'once')).stdout).toBe('once\n');
    await write(project('sh -c "echo said; exec sleep 1000"'));
    await compose('up', '-d', '-t', '0', 'web');
    await expect.poll(async () => (await compose('logs', '--no-color', 'web')).stdout).toMatch(/web_1 +\| said/);
  });

  test('down -v leaves nothing', async () => {
    const { stderr } = await compose('down', '-v', '-t', '0');
    for (const gone of ['network shop_back', 'network shop_front', 'volume shop_data', 'shop_web_1 +... done'])
      expect(stderr).toMatch(new RegExp(`Removing ${gone}`));
    expect(await docker('ps', '-aq')).toBe('');
    expect(await docker('volume', 'ls', '-q')).toBe('');
    expect(await docker('network', 'ls', '--format', '{{.Name}}')).toBe('bridge\nhost\nnone');
    expect((await stage.onHost('iptables-save', [])).stdout).not.toMatch(/back0|18080/);
  });
});

test('a network from outside, the host’s own, and another service’s', async () => {
  await docker('network', 'create', '--subnet', '10.67.0.0/24', 'given');
  await write(`version: "3.5"
services:
  a: {image: "${IMAGE}", command: sleep 1000, networks: {given: {ipv4_address: 10.67.0.5}}}
  b: {image: "${IMAGE}", command: sleep 1000, network_mode: "service:a"}
  c: {image: "${IMAGE}", command: sleep 1000, network_mode: host}
  d: {image: "${IMAGE}", command: sleep 1000, network_mode: none}
networks: {given: {external: true}}
`);
  await compose('up', '-d');
  const addresses = (service: string) =>
    compose('exec', '-T', service, 'ip', '-4', '-o', 'addr').then(({ stdout }) => stdout);
  expect(await addresses('b')).toContain('10.67.0.5/24');
  expect(await addresses('c')).toContain('198.51.100.1/24');
  expect((await addresses('d')).trim().split('\n')).toHaveLength(1);
  expect((await compose('down', '-t', '0')).stderr).toContain('Network given is external, skipping');
  await docker('network', 'rm', 'given');
});
