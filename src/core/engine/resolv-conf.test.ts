import { expect, test } from 'vitest';
import { World } from './world.fixture.ts';

const serversOf = (world: World, container: string) =>
  world.engine.directory.upstream(world.engine.containers.get(container).sandbox!.id).servers;

test("names are asked of the host's servers as they are now", async () => {
  const world = await World.start();
  await world.network('net');
  await world.run('web', { network: 'net' });
  expect(serversOf(world, 'web')).toEqual([{ address: '192.0.2.53', from: 'host' }]);
  world.host.change({ resolvConf: 'nameserver 192.0.2.1\nnameserver 192.0.2.2\n' });
  await world.settle();
  expect(serversOf(world, 'web')).toEqual([
    { address: '192.0.2.1', from: 'host' },
    { address: '192.0.2.2', from: 'host' },
  ]);
  await world.engine.close();
});

test("the daemon's servers come before the host's, and a container's own before both", async () => {
  const world = await World.start((its) => {
    its.settings = { ...its.settings, dns: ['192.0.2.7'] };
  });
  await world.network('net');
  await world.run('web', { network: 'net' });
  await world.run('told', { network: 'net', host: { Dns: ['192.0.2.8'] } });
  expect(serversOf(world, 'web')).toEqual([{ address: '192.0.2.7', from: 'sandbox' }]);
  expect(serversOf(world, 'told')).toEqual([{ address: '192.0.2.8', from: 'sandbox' }]);
});
