/** A dry run changes nothing, and says what is then done. */
import { expect, test } from 'vitest';
import { key } from '../plan/key.ts';
import type { Step } from '../plan/step.ts';
import type { Change, ChangeOptions } from './engine.ts';
import { networkRequest, World } from './world.fixture.ts';

interface Case {
  readonly what: string;
  readonly run: (world: World, options: ChangeOptions) => Promise<Change<unknown>>;
}

async function scene(): Promise<World> {
  const world = await World.start();
  await world.network('front');
  await world.network('other');
  await world.network('idle');
  await world.run('web', { network: 'other', ports: ['8080:80'] });
  await world.create('waiting', { network: 'front', ports: ['9090:90'] });
  return world;
}

/** Identifiers are made anew each time. */
const shape = (steps: readonly Step[]): string[] =>
  steps.map((step) => `${step.op} ${key(step.object)}`.replaceAll(/[0-9a-f]{64}|(veth|br-)[0-9a-f]+/g, '$1ID'));

test.each<Case>([
  { what: 'network create', run: ({ engine }, options) => engine.networks.create(networkRequest('new'), options) },
  { what: 'network remove', run: ({ engine }, options) => engine.networks.remove('idle', options) },
  { what: 'connect', run: ({ engine }, options) => engine.networks.connect('front', 'web', {}, options) },
  { what: 'disconnect', run: ({ engine }, options) => engine.networks.disconnect('other', 'web', options) },
  { what: 'start', run: ({ engine }, options) => engine.containers.start('waiting', options) },
])('$what', async ({ run }) => {
  const world = await scene();
  const before = await world.state();
  const events = world.events.length;
  const planned = await run(world, { dryRun: true });
  expect(await world.state()).toEqual(before);
  expect(world.events).toHaveLength(events);
  expect(planned.steps.length).toBeGreaterThan(3);
  for (const { object } of planned.steps) {
    expect(object.owner.name).not.toBe('');
    expect(object.why).toMatch(/\.$/);
  }

  const done = await run(world, {});
  expect(shape(done.steps)).toEqual(shape(planned.steps));
  const forKernel = done.steps.filter(({ object }) => object.kind !== 'listener' && object.kind !== 'resolver');
  expect(world.kernel.lastTransaction).toEqual(forKernel);
  await world.expectSound();
});
