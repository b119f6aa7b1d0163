/** docker-py, unchanged, against the daemon: what it does stands in test/support/docker-py.py. */
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { loadBusybox } from '../support/images.ts';

const SCRIPT = resolve(import.meta.dirname, '../support/docker-py.py');
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set('passerelle-py');
  await stage.startDaemon();
  await loadBusybox(stage);
});

afterAll(() => stage.close());

test.each([
  'networks',
  'low_level',
  'running',
  'execs',
  'attaching',
  'archives',
  'events',
  'images',
  'volumes',
  'health',
  'system',
])('%s', async (part) => {
  // Debian's Python has Debian's docker-py.
  const { code, stderr } = await stage.outside(
    '/usr/bin/python3',
    [SCRIPT, part, join(stage.directory, 'busybox.tar')],
    { timeout: 30_000 },
  );
  expect(stderr).toBe('');
  expect(code).toBe(0);
});
