/** The engine is killed at any point of any change: the next one finds or makes everything as the records say. */
import { describe, expect, test } from 'vitest';
import { MOMENTS, Mortal } from './mortal.fixture.ts';
import { World } from './world.fixture.ts';

interface Change {
  readonly what: string;
  readonly run: (world: World) => Promise<unknown>;
}

const CHANGES: readonly Change[] = [
  { what: 'network create', run: (world) => world.network('new', { enableIPv6: true }) },
  { what: 'network remove', run: ({ engine }) => engine.networks.remove('back') },
  { what: 'connect', run: ({ engine }) => engine.networks.connect('front', 'web', {}) },
  { what: 'disconnect', run: ({ engine }) => engine.networks.disconnect('other', 'web') },
  { what: 'create', run: (world) => world.create('new', { config: { Image: 'registry:2' } }) },
  { what: 'start', run: ({ engine }) => engine.containers.start('waiting') },
  { what: 'stop', run: ({ engine }) => engine.containers.stop('web') },
  { what: 'kill', run: ({ engine }) => engine.containers.kill('always', 'KILL') },
  { what: 'restart', run: ({ engine }) => engine.containers.restart('web') },
  { what: 'pause', run: ({ engine }) => engine.containers.pause('web') },
  { what: 'forced remove', run: ({ engine }) => engine.containers.remove('web', { force: true, volumes: true }) },
  { what: 'remove', run: ({ engine }) => engine.containers.remove('waiting', { force: false, volumes: true }) },
  { what: 'rename', run: ({ engine }) => engine.containers.rename('web', 'site') },
];

async function scene(mortal: Mortal): Promise<World> {
  const world = new World();
  await world.startEngine(mortal.ports(world.ports));
  await world.network('front');
  await world.network('back', { internal: true });
  await world.network('other');
  await world.run('web', { network: 'other', ports: ['8080:80', '127.0.0.1:53:53/udp'] });
  await world.run('always', { network: 'front', restart: 'always' });
  await world.run('passing', { remove: true });
  await world.create('waiting', { network: 'front', ports: ['9090:90'] });
  return world;
}

describe.each(CHANGES)('$what', ({ run }) => {
  test.each(MOMENTS)('killed %s each call that it makes', async (moment) => {
    for (let last = 0; ; last++) {
      const mortal = new Mortal();
      const world = await scene(mortal);
      const before = world.runtime.running();
      mortal.arm(last, moment);
      void run(world).catch(() => undefined);
      await world.settle();
      if (!mortal.dead) {
        if (moment !== 'half') expect(last).toBeGreaterThan(0);
        return;
      }
      // Every second time what runs ends while nobody looks.
      if (last % 2) for (const [id, pid] of world.runtime.running()) if (pid) world.runtime.end(id, 1);
      const found = world.runtime.running();
      await world.startAnew();
      await world.settle();
      const place = `call ${last}`;
      await world.expectSound().catch((error: unknown) => {
        throw new Error(`${place}: ${String(error)}`, { cause: error });
      });
      // What ran when the engine was killed, and still did when the next one came, goes on running.
      for (const [id, pid] of before) {
        if (pid && found.get(id) === pid) expect(world.runtime.running().get(id), place).toBe(pid);
      }
      expect(world.log).toEqual([]);
      // A further start changes nothing.
      const state = await world.state();
      await world.restart();
      expect(await world.state()).toEqual(state);
    }
  });
});
