/** SIGTERM while clients hold streams open: the daemon ends at once and in order, and containers go on. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

const IMAGE = 'busybox:1.36';
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set('passerelle-stop');
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterAll(() => stage.close());

function client(...args: string[]): ChildProcess {
  return spawn(stage.client, args, {
    env: { ...process.env, DOCKER_HOST: stage.dockerHost },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
}

test('ends soon, with 0, whatever is open', async () => {
  for (const name of ['one', 'two', 'three'])
    await stage.docker('run', '-d', '-i', '--name', name, '-p', '80', IMAGE, 'sleep', '1000');
  const clients = [
    client('events'),
    client('logs', '-f', 'one'),
    client('attach', 'one'),
    client('exec', '-i', 'one', 'cat'),
    client('stats', 'one'),
    client('wait', 'two'),
    client('stop', '-t', '60', 'three'),
  ];
  // One that never closes its side.
  const silent = connect(stage.socket);
  silent.on('error', () => undefined);
  silent.write(
    'POST /v1.41/containers/two/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n',
  );
  await once(silent, 'data');
  // The commands are under way then.
  await expect.poll(() => stage.docker('top', 'one').then((text) => text.includes('cat'))).toBe(true);
  await new Promise((done) => setTimeout(done, 500));

  const start = Date.now();
  expect(await stage.stopDaemon()).toBe(0);
  expect(Date.now() - start).toBeLessThan(1500);
  for (const each of clients) each.kill();
  silent.destroy();

  await stage.startDaemon();
  expect((await stage.docker('ps', '-q')).split('\n')).toHaveLength(3);
});
