import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConmonRuntime } from '../../src/containers/runtime/runtime.ts';
import { makePlace, openRuntime, type Place, record, removePlace, runToEnd } from './runtime-fixture.ts';

let place: Place;
let runtime: ConmonRuntime;

beforeAll(async () => {
  place = await makePlace();
  runtime = openRuntime(place);
});

afterAll(async () => {
  await runtime.close();
  await removePlace(place);
});

test('a container runs to its end: output by stream, exit code', async () => {
  const container = record(['sh', '-c', 'echo out; echo err >&2; printf prompt; exit 3']);
  const { exit, stdout, stderr } = await runToEnd(runtime, container);
  expect(exit).toMatchObject({ exitCode: 3, oomKilled: false });
  expect(stdout).toBe('out\nprompt');
  expect(stderr).toBe('err\n');
});
