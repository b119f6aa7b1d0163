import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Images } from '../core/engine/images.ts';
import { Simulation } from '../core/model/simulation.ts';
import { SETTINGS } from '../core/engine/world.fixture.ts';
import { startTestApi, type TestApi } from './api/testing/fake-services.ts';
import { SystemClock } from './clock.ts';
import { practise, type Practising } from './practice.ts';
import type { PracticeGround } from './worlds/world.ts';

const IMAGES: Images = { find: async () => ({ id: `sha256:${'0'.repeat(64)}`, config: {} }) };

let directory: string;
let api: TestApi;
let simulation: Simulation;
let ground: PracticeGround;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'practice-'));
  api = await startTestApi();
  simulation = new Simulation(new SystemClock(), { hostname: 'host', architecture: 'amd64' });
  const log = { info: () => undefined, warn: () => undefined };
  ground = {
    ports: { ...simulation.ports, images: IMAGES, log },
    connect: (names) => simulation.connect(names),
    socket: join(directory, 'api.sock'),
    close: vi.fn<PracticeGround['close']>(async () => undefined),
  };
});
afterEach(async () => {
  await api.close();
  rmSync(directory, { recursive: true });
});

const practising = (more: Partial<Practising> = {}): Practising => ({
  services: api.services,
  settings: SETTINGS,
  version: '1',
  quiet: () => Infinity,
  stopping: new AbortController().signal,
  ...more,
});

test('every change is one that the engine takes; the daemon’s own engine hears of none', async () => {
  const apply = vi.spyOn(simulation.kernel, 'apply');
  await practise(() => ground, practising());
  const steps = apply.mock.calls.flatMap(([asked]) => asked);
  expect(steps.filter(({ op, object }) => op === 'remove' && object.kind === 'link').length).toBeGreaterThan(50);
  expect(api.engine.calls).toEqual([]);
  expect(ground.close).toHaveBeenCalledOnce();
});

test('it waits while the daemon is asked for something, and ends when the daemon does', async () => {
  const stopping = new AbortController();
  const open = vi.fn<() => PracticeGround>(() => ground);
  const quiet = vi.fn<() => number>(() => 0);
  const practised = practise(open, practising({ quiet, stopping: stopping.signal }));
  await expect.poll(() => quiet.mock.calls.length).toBeGreaterThan(1);
  stopping.abort();
  await practised;
  expect(open).not.toHaveBeenCalled();
});

test('what it cannot do is told, and the ground is closed', async () => {
  vi.spyOn(simulation.kernel, 'apply').mockRejectedValue(new Error('no such kernel'));
  await expect(practise(() => ground, practising())).rejects.toThrow('no such kernel');
  expect(ground.close).toHaveBeenCalledOnce();
});
