import { afterAll, beforeAll, expect, test } from 'vitest';
import { World } from '../core/engine/world.fixture.ts';
import { startTestApi, type TestApi } from './api/testing/fake-services.ts';
import { practise, rehearseOnce } from './practice.ts';

let api: TestApi;
let world: World;

beforeAll(async () => {
  api = await startTestApi();
  world = await World.start();
});
afterAll(async () => {
  await world.engine.close();
  await api.close();
});

test('every change is one that the engine takes, and nothing has changed', async () => {
  const services = { ...api.services, engine: world.engine };
  const before = await world.store.load();
  const answers = await rehearseOnce(services, new AbortController().signal);
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 204, 200, 200, 204, 204]);
  expect(await world.store.load()).toEqual(before);
  expect(world.events).toEqual([]);
});

test('it ends when the daemon does', async () => {
  const { engine, services } = api;
  await practise(services, AbortSignal.abort());
  expect(engine.calls).toEqual([]);
});
