import { describe, expect, test } from 'vitest';
import type { HealthConfig } from '../container/config.ts';
import type { Program } from '../model/runtime/process.ts';
import { World } from './world.fixture.ts';

const SECOND = 1e9;
const GOOD: Program = { output: 'fine\n', ends: { after: 0, exitCode: 0 } };
const BAD: Program = { output: 'broken\n', ends: { after: 100, exitCode: 1 } };

/** A container `web`, checked every 5 s. */
async function checked(health: HealthConfig = {}, program = GOOD): Promise<{ world: World; id: string }> {
  const world = await World.start();
  world.programs['check'] = program;
  const id = await world.run('web', {
    config: { Healthcheck: { Test: ['CMD', 'check', 'it'], Interval: 5 * SECOND, Timeout: SECOND, ...health } },
  });
  return { world, id };
}

const health = ({ engine }: World) => engine.containers.get('web').health;
const statuses = (world: World, id: string): string[] =>
  world.told(id).filter((action) => action.startsWith('health_status'));

describe('a health check', () => {
  test('runs an interval after the start, and then again and again', async () => {
    const { world, id } = await checked();
    await world.pass(4999);
    expect(health(world)).toEqual({ status: 'starting', failingStreak: 0, log: [] });
    await world.pass(1);
    expect(health(world)).toMatchObject({ status: 'healthy', log: [{ exitCode: 0, output: 'fine\n' }] });
    await world.pass(10_000);
    expect(health(world)?.log).toHaveLength(3);
    expect(world.told(id).slice(3, 8)).toEqual([
      'exec_create: check it',
      'exec_start: check it',
      'exec_die 0',
      'health_status: healthy',
      'exec_create: check it',
    ]);
    expect(world.engine.containers.get('web').execIds).toEqual([]);
    await world.expectSound();
  });

  test('that fails as often as it may makes the container unhealthy; one success heals it', async () => {
    const { world, id } = await checked({ Retries: 2 }, BAD);
    await world.pass(5100);
    expect(health(world)).toMatchObject({ status: 'starting', failingStreak: 1 });
    await world.pass(5100);
    expect(health(world)).toMatchObject({ status: 'unhealthy', failingStreak: 2 });
    world.programs['check'] = GOOD;
    await world.pass(5000);
    expect(health(world)).toMatchObject({ status: 'healthy', failingStreak: 0 });
    expect(statuses(world, id)).toEqual(['health_status: unhealthy', 'health_status: healthy']);
  });

  test.each<[string, Program, string]>([
    ['takes too long is killed', {}, 'Health check exceeded timeout (1s)'],
    ['cannot be run', { refusal: { message: 'exec: "check": not found', exitCode: 127 } }, 'exec: "check": not found'],
  ])('that %s: -1', async (_, program, output) => {
    const { world } = await checked({}, program);
    await world.pass(6000);
    expect(health(world)).toMatchObject({ failingStreak: 1, log: [{ exitCode: -1, output }] });
    await world.pass(5000);
    expect(world.status('web')).toBe('running');
  });

  test('keeps the first 4096 bytes of what it says', async () => {
    const { world } = await checked({}, { output: 'x'.repeat(5000), ends: { after: 0, exitCode: 0 } });
    await world.pass(5000);
    expect(health(world)?.log[0]?.output).toBe(`${'x'.repeat(4096)}...`);
  });

  test('is not there for a container that has none, or wants none', async () => {
    const { world } = await checked({ Test: ['NONE'] });
    await world.pass(60_000);
    expect(health(world)).toBeUndefined();
    expect(world.clock.untilNext).toBeUndefined();
  });

  test('that is a line of shell is run by the shell', async () => {
    const { world, id } = await checked({ Test: ['CMD-SHELL', 'a || b'] });
    await world.pass(5000);
    expect(world.told(id)).toContain('exec_create: /bin/sh -c a || b');
  });
});

describe('nobody checks a container', () => {
  test('that has ended: it is unhealthy, and no check is under way', async () => {
    const { world, id } = await checked();
    await world.pass(5000);
    await world.during(world.engine.containers.stop('web'));
    await world.pass(60_000);
    expect(health(world)).toMatchObject({ status: 'unhealthy', log: [{ exitCode: 0 }] });
    expect(world.clock.untilNext).toBeUndefined();
    await world.engine.containers.start('web');
    expect(health(world)).toMatchObject({ status: 'starting', failingStreak: 0 });
    await world.pass(5000);
    expect(statuses(world, id)).toEqual(['health_status: healthy', 'health_status: healthy']);
  });

  test('that ends during a check', async () => {
    const { world, id } = await checked({}, {});
    await world.pass(5500);
    world.runtime.end(id, 1);
    await world.pass(60_000);
    expect(health(world)).toMatchObject({ status: 'unhealthy', log: [] });
    expect(statuses(world, id)).toEqual([]);
    await world.expectSound();
  });

  test('that is paused, until it goes on', async () => {
    const { world } = await checked();
    await world.pass(5000);
    await world.engine.containers.pause('web');
    expect(health(world)?.status).toBe('unhealthy');
    await world.pass(60_000);
    expect(health(world)?.log).toHaveLength(1);
    await world.engine.containers.unpause('web');
    await world.pass(5000);
    expect(health(world)).toMatchObject({ status: 'healthy', log: [{ exitCode: 0 }, { exitCode: 0 }] });
  });
});

test('a new engine knows the status and goes on with the checks', async () => {
  const { world } = await checked({ Retries: 1 });
  await world.pass(5000);
  await world.restart();
  expect(health(world)).toEqual({ status: 'healthy', failingStreak: 0, log: [] });
  world.programs['check'] = BAD;
  await world.pass(5100);
  expect(health(world)).toMatchObject({ status: 'unhealthy', failingStreak: 1 });
});

test('a check that asks for what cannot be is refused before anything is made', async () => {
  const world = await World.start();
  await expect(world.create('web', { config: { Healthcheck: { Interval: 5 } } })).rejects.toMatchObject({
    code: 'invalid',
    message: 'Interval in Healthcheck cannot be less than 1ms',
  });
  expect(world.engine.containers.list()).toEqual([]);
});
