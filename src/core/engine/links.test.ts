import { expect, test } from 'vitest';
import { World } from './world.fixture.ts';

const linked = (...Links: string[]) => ({ host: { Links } });

test('a container has names as the link of others, until they are gone', async () => {
  const world = await World.start();
  await world.run('db');
  await world.run('web', linked('db:store', 'db'));
  const { containers } = world.engine;
  expect(containers.get('db').linkNames).toEqual(['web/store', 'web/db']);
  await containers.rename('web', 'shop');
  expect(containers.list().map(({ container, linkNames }) => [container.name, linkNames])).toEqual([
    ['db', ['shop/store', 'shop/db']],
    ['shop', []],
  ]);
  await containers.remove('shop', { force: true, volumes: false });
  expect(containers.get('db').linkNames).toEqual([]);
});

test('without the other container, or where it is on another network, a start is refused in Docker’s words', async () => {
  const world = await World.start();
  await world.network('apart');
  await world.run('db', { network: 'apart' });
  const { containers } = world.engine;
  await expect(world.run('web', linked('db:store'))).rejects.toThrow(
    'Cannot link to /db, as it does not belong to the default network',
  );
  await containers.remove('db', { force: true, volumes: false });
  await expect(containers.start('web')).rejects.toThrow('Cannot link to a non running container: /db AS /web/store');
});

test('a start that is refused for a link has moved on in the range that its port is of', async () => {
  const world = await World.start();
  await world.create('db');
  const PortBindings = { '80/tcp': [{ HostIp: '', HostPort: '8100-8105' }] };
  await world.create('web', { host: { Links: ['db'], PortBindings } });
  await expect(world.engine.containers.start('web')).rejects.toThrow('non running container: /db AS /web/db');
  await world.engine.containers.start('db');
  await world.engine.containers.start('web');
  const [place] = world.engine.containers.get('web').endpoints;
  expect(new Set(place?.endpoint.bindings.map(({ hostPort }) => hostPort))).toEqual(new Set([8101]));
  await world.expectSound();
});

test('links of who is not on the default bridge have no effect', async () => {
  const world = await World.start();
  await world.run('db');
  await world.run('web', { ...linked('db:store', 'db'), network: 'none' });
  await world.engine.containers.stop('db');
  await world.engine.containers.restart('web');
  expect(world.engine.containers.get('db').linkNames).toEqual(['web/store', 'web/db']);
});
