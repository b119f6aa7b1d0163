/** A change does exactly the steps that its rehearsal has told, and the rehearsal does nothing. */
import { describe, expect, test } from 'vitest';
import { key } from '../../plan/key.ts';
import type { Step } from '../../plan/step.ts';
import type { Rehearsal } from '../engine.ts';
import { containerRequest, networkRequest, World } from '../world.fixture.ts';

const NO_FILTER = { labels: [], withoutLabels: [] };
const GONE = { force: true, volumes: true };

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

type Act = (engine: Pick<Rehearsal, 'networks' | 'containers'>) => Promise<unknown>;

async function rehearsed(world: World, act: Act): Promise<readonly Step[]> {
  const rehearsal = world.engine.rehearse();
  try {
    await act(rehearsal);
    return rehearsal.steps;
  } finally {
    rehearsal.close();
  }
}

const run = (name: string, wish: Parameters<typeof containerRequest>[1]): Act => {
  return async ({ containers }) => containers.start((await containers.create(containerRequest(name, wish))).id);
};

const CHANGES: Readonly<Record<string, Act>> = {
  'network create': ({ networks }) => networks.create(networkRequest('new')),
  'network rm': ({ networks }) => networks.remove('back'),
  'network connect': ({ networks }) => networks.connect('back', 'web', {}),
  'network disconnect': ({ networks }) => networks.disconnect('front', 'web'),
  'network prune': ({ networks }) => networks.prune(NO_FILTER),
  start: ({ containers }) => containers.start('idle'),
  stop: ({ containers }) => containers.stop('web'),
  kill: ({ containers }) => containers.kill('web', ''),
  restart: ({ containers }) => containers.restart('web'),
  'rm -f': ({ containers }) => containers.remove('web', GONE),
  run: run('new', { network: 'front', ports: ['9000:90'] }),
  'a network, a container on it, and another in the place of one that is there': async (engine) => {
    await engine.networks.create(networkRequest('new'));
    await run('first', { network: 'new', ports: ['9000:90'] })(engine);
    await engine.containers.remove('web', GONE);
    await run('web', { network: 'new', ports: ['8080:80'] })(engine);
    await engine.networks.connect('back', 'web', {});
  },
};

/** Ids, and names and addresses made of them, are drawn anew each time. */
const shape = (steps: readonly Step[]): string[] =>
  steps.map((step) => `${step.op} ${key(step.object)}`.replaceAll(/[0-9a-f]{64}|(veth|br-)[0-9a-f]+/g, '$1ID'));

describe.each(Object.entries(CHANGES))('%s', (_, act) => {
  test('does what was planned, and planning does nothing', async () => {
    const world = await scene();
    const before = await world.state();
    const events = world.events.length;
    const steps = await rehearsed(world, act);
    expect(steps.length).toBeGreaterThan(0);
    expect(await world.state()).toEqual(before);
    expect(world.events).toHaveLength(events);
    expect(await rehearsed(world, act)).toEqual(steps);
    for (const { object } of steps) {
      expect(object.owner.name).not.toBe('');
      expect(object.why).toMatch(/\.$/);
    }
    expect(shape(await applied(world, () => act(world.engine)))).toEqual(shape(steps));
    await world.expectSound();
  });
});

describe('what is refused', () => {
  test.each<[string, Act, string]>([
    ['stopping what does not run', ({ containers }) => containers.stop('idle'), 'is not running'],
    ['killing what does not run', ({ containers }) => containers.kill('idle', ''), 'is not running'],
    [
      'removing what runs',
      ({ containers }) => containers.remove('web', { ...GONE, force: false }),
      'running container',
    ],
    ['a taken name', run('web', {}), 'already in use'],
    ['a taken port', run('new', { ports: ['8080:80'] }), 'port is already allocated'],
  ])('%s', async (_, act, text) => {
    await expect(rehearsed(await scene(), act)).rejects.toThrow(text);
  });

  test('a signal that ends nothing has no step', async () => {
    expect(await rehearsed(await scene(), ({ containers }) => containers.kill('web', 'HUP'))).toEqual([]);
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
  const steps = await (await broken()).engine.inspection.plan();
  expect(steps.map(({ op, object }) => `${op} ${key(object)}`)).toEqual([
    expect.stringMatching(/^add rule ip \w+ -A DOCKER /),
  ]);
  const world = await broken();
  expect(await applied(world, () => world.engine.inspection.repair())).toEqual(steps);
});
