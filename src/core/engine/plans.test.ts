/** A change does exactly the steps that its plan has told, and the plan does nothing. */
import { describe, expect, test } from 'vitest';
import { key } from '../plan/key.ts';
import type { Step } from '../plan/step.ts';
import { containerRequest, networkRequest, World } from './world.fixture.ts';

const NO_FILTER = { labels: [], withoutLabels: [] };

async function scene(): Promise<World> {
  const world = await World.start();
  await world.network('front');
  await world.network('back');
  await world.network('unused');
  await world.run('web', { network: 'front', ports: ['8080:80'] });
  await world.create('idle', { network: 'front', ports: ['8081:81'] });
  return world;
}

/** The steps that reach kernel and sockets while `change` is under way. */
async function applied(world: World, change: () => Promise<unknown>): Promise<Step[]> {
  const steps: Step[] = [];
  for (const port of [world.kernel, world.sockets]) {
    const apply = port.apply.bind(port) as (asked: readonly Step[]) => Promise<void>;
    port.apply = async (asked: readonly Step[]) => {
      steps.push(...asked);
      await apply(asked);
    };
  }
  await world.during(change());
  await world.settle();
  return steps;
}

const DRY = { dryRun: true };

/** Each change as it is planned, and as it is done. */
const CHANGES: Readonly<
  Record<string, readonly [plan: (world: World) => Promise<readonly Step[]>, act: (world: World) => Promise<unknown>]>
> = {
  'network create': [
    async ({ engine }) => (await engine.networks.create(networkRequest('new'), DRY)).steps,
    ({ engine }) => engine.networks.create(networkRequest('new')),
  ],
  'network rm': [
    async ({ engine }) => (await engine.networks.remove('back', DRY)).steps,
    ({ engine }) => engine.networks.remove('back'),
  ],
  'network connect': [
    async ({ engine }) => (await engine.networks.connect('back', 'web', {}, DRY)).steps,
    ({ engine }) => engine.networks.connect('back', 'web', {}),
  ],
  'network disconnect': [
    async ({ engine }) => (await engine.networks.disconnect('front', 'web', DRY)).steps,
    ({ engine }) => engine.networks.disconnect('front', 'web'),
  ],
  'network prune': [
    ({ engine }) => engine.plans.pruneNetworks(NO_FILTER),
    ({ engine }) => engine.networks.prune(NO_FILTER),
  ],
  start: [
    async ({ engine }) => (await engine.containers.start('idle', DRY)).steps,
    ({ engine }) => engine.containers.start('idle'),
  ],
  stop: [({ engine }) => engine.plans.stop('web'), ({ engine }) => engine.containers.stop('web')],
  kill: [({ engine }) => engine.plans.kill('web', ''), ({ engine }) => engine.containers.kill('web', '')],
  restart: [({ engine }) => engine.plans.restart('web'), ({ engine }) => engine.containers.restart('web')],
  'rm -f': [
    ({ engine }) => engine.plans.remove('web', { force: true }),
    ({ engine }) => engine.containers.remove('web', { force: true, volumes: false }),
  ],
  run: [
    ({ engine }) => engine.plans.run(containerRequest('new', { network: 'front', ports: ['9000:90'] })),
    (world) => world.run('new', { network: 'front', ports: ['9000:90'] }),
  ],
};

describe.each(Object.entries(CHANGES))('%s', (_, [plan, act]) => {
  test('does what was planned, and planning does nothing', async () => {
    const planned = await scene();
    const before = await planned.state();
    const steps = await plan(planned);
    expect(steps.length).toBeGreaterThan(0);
    expect(await planned.state()).toEqual(before);

    // Ids come by chance, and the chance is the same in a world with the same past.
    const done = await scene();
    expect(await applied(done, () => act(done))).toEqual(steps);
  });
});

describe('what a plan refuses', () => {
  test.each([
    ['stopping what does not run', (world: World) => world.engine.plans.stop('idle'), 'is not running'],
    ['killing what does not run', (world: World) => world.engine.plans.kill('idle', ''), 'is not running'],
    ['removing what runs', (world: World) => world.engine.plans.remove('web', { force: false }), 'running container'],
    ['a taken name', (world: World) => world.engine.plans.run(containerRequest('web')), 'already in use'],
    [
      'a taken port',
      (world: World) => world.engine.plans.run(containerRequest('new', { ports: ['8080:80'] })),
      'port is already allocated',
    ],
  ])('%s', async (_, plan, text) => {
    await expect(plan(await scene())).rejects.toThrow(text);
  });

  test('a signal that ends nothing has no step', async () => {
    expect(await (await scene()).engine.plans.kill('web', 'HUP')).toEqual([]);
  });
});

test('a repair does what was planned', async () => {
  const broken = async (): Promise<World> => {
    const world = await scene();
    const rule = (await world.kernel.observe({ sandboxes: [] })).find(
      (object) => object.kind === 'rule' && object.rule.chain === 'DOCKER',
    )!;
    const reason = { owner: { kind: 'engine', id: '', name: '' }, why: '' } as const;
    await world.kernel.apply([{ op: 'remove', object: { ...rule, ...reason } }]);
    return world;
  };
  const steps = await (await broken()).engine.plans.repair();
  expect(steps.map(({ op, object }) => `${op} ${key(object)}`)).toEqual([
    expect.stringMatching(/^add rule ip \w+ -A DOCKER /),
  ]);
  const world = await broken();
  expect(await applied(world, () => world.engine.inspection.repair())).toEqual(steps);
});
