/** Health checks in real containers, as the docker command line and compose see them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

const IMAGE = 'busybox:1.36';
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set('passerelle-health');
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterAll(() => stage.close());

const SINCE_A_MINUTE = ['--since', '1m', '--until', '0s'];

const docker = (...args: string[]): Promise<string> => stage.docker(...args);
const status = (name: string): Promise<string> => docker('inspect', '-f', '{{.State.Health.Status}}', name);
const becomes = (name: string, wanted: string): Promise<void> =>
  expect.poll(() => status(name), { timeout: 15_000, interval: 200 }).toBe(wanted);

describe('a container with a check', () => {
  test('goes from starting to healthy, to unhealthy and back, and everybody is told', async () => {
    const check = ['--health-cmd', 'echo looked; test -e /good', '--health-interval', '300ms', '--health-retries', '2'];
    await docker('run', '-d', '--name', 'web', ...check, IMAGE, 'sleep', '1000');
    expect(await docker('ps', '--format', '{{.Status}}')).toContain('(health: starting)');
    await docker('exec', 'web', 'touch', '/good');
    await becomes('web', 'healthy');
    expect(await docker('ps', '--format', '{{.Status}}')).toMatch(/^Up .* \(healthy\)$/);
    expect(await docker('ps', '-q', '--filter', 'health=healthy')).not.toBe('');
    expect(await docker('ps', '-q', '--filter', 'health=none')).toBe('');
    expect(await docker('inspect', '-f', '{{(index .State.Health.Log 0).Output}}', 'web')).toBe('looked');
    await docker('exec', 'web', 'rm', '/good');
    await becomes('web', 'unhealthy');
    expect(Number(await docker('inspect', '-f', '{{.State.Health.FailingStreak}}', 'web'))).toBeGreaterThan(1);
    await docker('exec', 'web', 'touch', '/good');
    await becomes('web', 'healthy');
    // The command line asks until the last full second.
    const told = (): Promise<string> =>
      docker('events', ...SINCE_A_MINUTE, '--filter', 'event=health_status', '--format', '{{.Action}}');
    await expect.poll(told).toBe('health_status: healthy\nhealth_status: unhealthy\nhealth_status: healthy');
  });

  test('is checked by the next daemon too, which knows what it was', async () => {
    await stage.stopDaemon('SIGKILL');
    await stage.startDaemon();
    expect(await status('web')).toBe('healthy');
    await docker('exec', 'web', 'rm', '/good');
    await becomes('web', 'unhealthy');
    await docker('rm', '-f', 'web');
  });

  test('a check that takes too long is killed', async () => {
    const check = ['--health-cmd', 'sleep 77', '--health-interval', '200ms', '--health-timeout', '400ms'];
    await docker('run', '-d', '--name', 'slow', ...check, '--health-retries', '1', IMAGE, 'sleep', '1000');
    await becomes('slow', 'unhealthy');
    const log = await docker('inspect', '-f', '{{json (index .State.Health.Log 0)}}', 'slow');
    expect(JSON.parse(log)).toMatchObject({ ExitCode: -1, Output: 'Health check exceeded timeout (400ms)' });
    // Not one for each check that there was.
    expect((await docker('top', 'slow')).split('\n').filter((line) => line.includes('sleep 77')).length).toBeLessThan(
      2,
    );
    await docker('rm', '-f', 'slow');
  });

  test('inherits it from its image, or wants none', async () => {
    const tar = join(stage.directory, 'root.tar');
    await docker('create', '--name', 'source', IMAGE);
    await docker('export', '-o', tar, 'source');
    await docker('rm', 'source');
    await docker(
      'import',
      '-c',
      'HEALTHCHECK --interval=200ms CMD ["true"]',
      '-c',
      'CMD ["sleep", "1000"]',
      tar,
      'checked',
    );
    await docker('run', '-d', '--name', 'heir', 'checked');
    await becomes('heir', 'healthy');
    await docker('run', '-d', '--name', 'free', '--no-healthcheck', 'checked');
    expect(await docker('ps', '--filter', 'name=free', '--format', '{{.Status}}')).not.toContain('health');
    await docker('rm', '-f', 'heir', 'free');
  });
});

describe('passerelle compose', () => {
  test('waits for the health that a service depends on', async () => {
    const folder = join(stage.directory, 'waiting');
    await mkdir(folder);
    await writeFile(
      join(folder, 'compose.yaml'),
      `services:
  store:
    image: ${IMAGE}
    command: sh -c "sleep 2; touch /ready; sleep 1000"
    healthcheck: {test: test -e /ready, interval: 300ms, start_period: 10s}
  web:
    image: ${IMAGE}
    command: sleep 1000
    depends_on: {store: {condition: service_healthy}}
`,
    );
    const passerelle = (...args: string[]) =>
      stage.outside(process.execPath, [stage.program, 'compose', ...args], { cwd: folder });
    const up = await passerelle('up', '-d');
    expect(up).toMatchObject({ code: 0 });
    expect(up.stderr).not.toContain('WARNING');
    const times = await docker('inspect', '-f', '{{.State.StartedAt}}', 'waiting_store_1', 'waiting_web_1');
    const [store = '', web = ''] = times.split('\n');
    expect(Date.parse(web) - Date.parse(store)).toBeGreaterThan(2000);
    expect((await passerelle('ps')).stdout).toMatch(/waiting_store_1 .* Up \(healthy\)/);
    expect((await passerelle('down', '-t', '0')).code).toBe(0);
  });
});
