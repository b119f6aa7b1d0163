/** What a daemon practises after its start: on a host of its own, of which nothing is left, whenever it ends. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.set('passerelle-practice');
});
afterEach(() => stage.close());

const ground = () => join(stage.directory, 'run', 'practice');
const isPractising = () => existsSync(join(ground(), 'host')) && existsSync(join(ground(), 'netns'));
const mounts = async () => {
  const { stdout } = await stage.outside('findmnt', ['-rno', 'TARGET']);
  return stdout.split('\n').filter((path) => path.startsWith(stage.directory));
};
const within = { timeout: 60_000, interval: 20 };

/** What does not change by itself: a new bridge, say, finds out that it has no carrier. */
async function host(): Promise<unknown> {
  const { stdout: links } = await stage.onHost('ip', ['-j', 'address']);
  const texts = await Promise.all([
    stage.onHost('iptables-save', []),
    stage.onHost('nft', ['list', 'ruleset']),
    stage.onHost('ss', ['-Hltun']),
  ]);
  return {
    links: (JSON.parse(links) as Link[]).map(({ ifname, addr_info }) => [ifname, addr_info.map(({ local }) => local)]),
    texts: texts.map(({ stdout }) => stdout.replaceAll(/\[\d+:\d+\]|^#.*$|packets \d+ bytes \d+/gm, '')),
  };
}

interface Link {
  readonly ifname: string;
  readonly addr_info: readonly { readonly local: string }[];
}

test.each(['iptables', 'nftables'])('on %s: the host stays as it is, and nothing is left', async (backend) => {
  await stage.startDaemon('--firewall-backend', backend);
  await expect.poll(isPractising, within).toBe(true);
  const during = await host();
  await expect.poll(() => existsSync(ground()), within).toBe(false);
  expect(await host()).toEqual(during);
  expect(await mounts()).toEqual([]);
  expect(await stage.docker('network', 'ls', '--format', '{{.Name}}')).toBe('bridge\nhost\nnone');
  expect(readFileSync(stage.logFile, 'utf8')).not.toMatch(/WARN|ERROR/);
});

test('a daemon that is stopped stops practising, and one that was killed leaves what the next one removes', async () => {
  await stage.startDaemon();
  await expect.poll(isPractising, within).toBe(true);
  expect(await stage.stopDaemon()).toBe(0);
  expect(existsSync(ground())).toBe(false);
  expect(await mounts()).toEqual([]);

  await stage.startDaemon();
  await expect.poll(isPractising, within).toBe(true);
  await stage.stopDaemon('SIGKILL');
  expect(await mounts()).toContain(join(ground(), 'host'));
  await stage.startDaemon();
  await expect.poll(() => readdirSync(join(stage.directory, 'run')).includes('practice'), within).toBe(false);
  expect(await mounts()).toEqual([]);
});
