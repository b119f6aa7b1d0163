/** Who is known by which name, and who is asked for all others. */
import { describe, expect, test } from 'vitest';
import { World } from './world.fixture.ts';

const sandbox = (world: World, ref: string): string => world.engine.containers.get(ref).sandbox!.id;
const found = (world: World, from: string, name: string): readonly string[] | undefined =>
  world.engine.directory.lookup(sandbox(world, from), name)?.ipv4;

async function scene(): Promise<World> {
  const world = await World.start();
  await world.network('front', { subnet: '10.1.0.0/24' });
  await world.network('Back', { subnet: '10.2.0.0/24' });
  await world.run('web', { network: 'front', place: { aliases: ['www', 'Site'] }, config: { Hostname: 'machine' } });
  await world.run('db', { network: 'front' });
  await world.engine.networks.connect('Back', 'db', { aliases: ['store'] });
  await world.run('far', { network: 'Back' });
  return world;
}

describe('lookup', () => {
  test.each<{ what: string; from: string; name: string; address: readonly string[] | undefined }>([
    { what: 'a container’s name', from: 'db', name: 'web', address: ['10.1.0.2'] },
    { what: 'in any case', from: 'db', name: 'WeB', address: ['10.1.0.2'] },
    { what: 'its hostname', from: 'db', name: 'machine', address: ['10.1.0.2'] },
    { what: 'an alias', from: 'db', name: 'www', address: ['10.1.0.2'] },
    { what: 'an alias in another case', from: 'db', name: 'site', address: ['10.1.0.2'] },
    { what: 'with the network’s name', from: 'db', name: 'web.front', address: ['10.1.0.2'] },
    { what: 'with the network’s name in another case', from: 'db', name: 'far.back', address: ['10.2.0.3'] },
    { what: 'itself', from: 'web', name: 'web', address: ['10.1.0.2'] },
    { what: 'one on the first network that both are on', from: 'web', name: 'db', address: ['10.1.0.3'] },
    { what: 'the same one from elsewhere', from: 'far', name: 'db', address: ['10.2.0.2'] },
    { what: 'an alias of another network', from: 'web', name: 'store', address: undefined },
    { what: 'one that is on no common network', from: 'far', name: 'web', address: undefined },
    { what: 'what is no container', from: 'web', name: 'example.org', address: undefined },
  ])('$what', async ({ from, name, address }) => {
    const world = await scene();
    expect(found(world, from, name)).toEqual(address);
  });

  test('the short id', async () => {
    const world = await scene();
    const { id } = world.engine.containers.get('web').container;
    expect(found(world, 'db', id.slice(0, 12))).toEqual(['10.1.0.2']);
  });

  test('an alias that several have leads to all of them', async () => {
    const world = await scene();
    await world.run('one', { network: 'front', place: { aliases: ['pool'] } });
    await world.run('two', { network: 'front', place: { aliases: ['pool'] } });
    expect(found(world, 'web', 'pool')).toEqual(['10.1.0.4', '10.1.0.5']);
  });

  test('a link is a name for one container alone', async () => {
    const world = await scene();
    await world.run('app', { network: 'front', place: { links: ['db:database', 'web'] } });
    expect(found(world, 'app', 'database')).toEqual(['10.1.0.3']);
    expect(found(world, 'web', 'database')).toBeUndefined();
  });

  test('both versions of an address; a name without IPv6 is known all the same', async () => {
    const world = await World.start();
    await world.network('dual', { enableIPv6: true });
    await world.run('web', { network: 'dual' });
    const answer = world.engine.directory.lookup(sandbox(world, 'web'), 'web');
    expect(answer).toEqual({ ipv4: ['172.18.0.2'], ipv6: ['fd01:2345:6789::2'] });
    const single = await scene();
    expect(single.engine.directory.lookup(sandbox(single, 'db'), 'web')).toEqual({ ipv4: ['10.1.0.2'], ipv6: [] });
  });

  test('who stops is not known any more', async () => {
    const world = await scene();
    await world.engine.containers.stop('db');
    expect(found(world, 'web', 'db')).toBeUndefined();
    await world.engine.containers.start('db');
    expect(found(world, 'web', 'db')).toEqual(['10.1.0.3']);
  });

  test('on the default bridge nobody is known', async () => {
    const world = await World.start();
    await world.run('web');
    await world.run('app');
    expect(found(world, 'app', 'web')).toBeUndefined();
  });
});

test('reverse: the name and network of an address on one of its networks', async () => {
  const world = await scene();
  const { directory } = world.engine;
  expect(directory.reverse(sandbox(world, 'db'), '10.1.0.2')).toBe('web.front');
  expect(directory.reverse(sandbox(world, 'db'), '10.2.0.3')).toBe('far.Back');
  expect(directory.reverse(sandbox(world, 'web'), '10.2.0.3')).toBeUndefined();
});

describe('upstream', () => {
  test('the host’s servers, at most three, asked from the host', async () => {
    const world = await World.start((its) => {
      its.host.facts = { ...its.host.facts, resolvConf: [1, 2, 3, 4].map((n) => `nameserver 192.0.2.${n}\n`).join('') };
    });
    await world.network('net');
    await world.run('web', { network: 'net' });
    expect(world.engine.directory.upstream(sandbox(world, 'web')).servers).toEqual(
      [1, 2, 3].map((n) => ({ address: `192.0.2.${n}`, from: 'host' })),
    );
    world.engine.directory.useResolvConf('nameserver 198.51.100.1');
    expect(world.engine.directory.upstream(sandbox(world, 'web')).servers).toEqual([
      { address: '198.51.100.1', from: 'host' },
    ]);
  });

  test('the container’s own servers, asked from its sandbox', async () => {
    const world = await World.start();
    await world.network('net');
    await world.run('web', { network: 'net', host: { Dns: ['192.0.2.9'] } });
    expect(world.engine.directory.upstream(sandbox(world, 'web')).servers).toEqual([
      { address: '192.0.2.9', from: 'sandbox' },
    ]);
  });

  test('nobody, for a container that has no way out', async () => {
    const world = await World.start();
    await world.network('inside', { internal: true });
    await world.network('outside');
    await world.run('web', { network: 'inside' });
    expect(world.engine.directory.upstream(sandbox(world, 'web')).servers).toEqual([]);
    await world.engine.networks.connect('outside', 'web', {});
    expect(world.engine.directory.upstream(sandbox(world, 'web')).servers).toHaveLength(1);
    expect(world.engine.directory.upstream('nobody')).toEqual({ servers: [] });
  });
});
