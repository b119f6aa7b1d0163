/** A step that is refused leaves everything as it was. */
import { describe, expect, test } from 'vitest';
import type { Backend } from '../firewall/layout.ts';
import { BACKENDS, World } from './world.fixture.ts';

interface Change {
  readonly what: string;
  readonly run: (world: World) => Promise<unknown>;
}

/** Two networks, a container on one that publishes ports, and one that has not been started. */
async function scene(backend: Backend): Promise<World> {
  const world = await World.start((next) => next.useBackend(backend));
  await world.network('front');
  await world.network('back', { internal: true });
  await world.network('other', { options: { 'com.docker.network.bridge.enable_icc': 'false' } });
  await world.run('web', { network: 'other', ports: ['8080:80', '127.0.0.1:53:53/udp'] });
  await world.create('waiting', { network: 'front', ports: ['9090:90'] });
  return world;
}

const settings = {};
const CHANGES: readonly Change[] = [
  { what: 'network create', run: (world) => world.network('new', { enableIPv6: true }) },
  { what: 'network remove', run: ({ engine }) => engine.networks.remove('back') },
  // `front` comes before `other`: the way out and the published ports move there.
  { what: 'connect, which moves the ports', run: ({ engine }) => engine.networks.connect('front', 'web', settings) },
  { what: 'disconnect', run: ({ engine }) => engine.networks.disconnect('other', 'web') },
  { what: 'container start', run: ({ engine }) => engine.containers.start('waiting') },
];

/** A container that could not be started remembers why, as Docker's does. */
const withoutErrors = (state: unknown): unknown =>
  JSON.parse(JSON.stringify(state), (name, value: unknown) =>
    ['error', 'exitCode', 'finishedAt'].includes(name) ? undefined : value,
  );

describe.each(BACKENDS.flatMap((backend) => CHANGES.map((change) => ({ backend, ...change }))))(
  '$backend: $what',
  ({ backend, run }) => {
    test.each(['kernel', 'sockets'] as const)(
      'each step of it refused by the %s, one after the other',
      async (port) => {
        const world = await scene(backend);
        const before = await world.state();
        const events = world.events.length;
        for (let refused = 0; ; refused++) {
          let step = -1;
          const failure = world[port].fail(() => ++step === refused, 'Cannot allocate memory', 'ENOMEM');
          const error = await run(world).then(
            () => undefined,
            (reason: unknown) => reason,
          );
          failure.close();
          if (step < refused) {
            expect(error).toBeUndefined();
            // Every kind of change has steps for the kernel; not all have some for sockets.
            expect(refused).toBeGreaterThan(port === 'kernel' ? 2 : -1);
            break;
          }
          expect(String(error)).toMatch(/cannot allocate memory/i);
          expect(world.events).toHaveLength(events);
          expect(withoutErrors(await world.state())).toEqual(withoutErrors(before));
        }
        await world.expectSound();
      },
    );
  },
);

describe.each(BACKENDS)('%s: the end of a container', (backend) => {
  test.each(['kernel', 'sockets'] as const)(
    'is no less true for what the %s refuses, which goes as soon as it can',
    async (port) => {
      const world = await scene(backend);
      const failure = world[port].fail(() => true, 'Device or resource busy', 'EBUSY');
      const removed = world.engine.containers.remove('web', { force: true, volumes: false });
      await world.during(removed);
      expect(world.engine.containers.list().map(({ container }) => container.name)).toEqual(['waiting']);
      expect(world.log.join()).toContain('its network is taken away later');
      await world.pass(20_000);
      failure.close();
      await world.pass(10_000);
      if (port === 'kernel') await world.expectSound();
      // The next one finds the addresses, names and ports free.
      await world.run('web', { network: 'other', ports: ['8081:80'] });
    },
  );

  test('whose rest an engine did not live to take away is taken by the next', async () => {
    const world = await scene(backend);
    const failure = world.kernel.fail(() => true, 'Device or resource busy', 'EBUSY');
    await world.during(world.engine.containers.kill('web', 'KILL'));
    expect(world.status('web')).toBe('exited');
    failure.close();
    await world.startAnew();
    await world.expectSound();
  });
});
