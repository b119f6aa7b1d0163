/** Published ports: which are given, and what is in their way. */
import { expect, test } from 'vitest';
import { World } from './world.fixture.ts';

const hostPorts = (world: World, ref: string): number[] =>
  world.engine.containers
    .get(ref)
    .endpoints.flatMap(({ endpoint }) => endpoint.bindings.map(({ hostPort }) => hostPort));

test('a port is bound on all addresses of both versions, translated, let in and listened on', async () => {
  const world = await World.start();
  await world.run('web', { ports: ['8080:80', '127.0.0.1:53:53/udp'] });
  expect(world.published('web')).toEqual([
    'bridge 0.0.0.0:8080->80/tcp',
    'bridge :::8080->80/tcp',
    'bridge 127.0.0.1:53->53/udp',
  ]);
  expect(await world.rules('nat', 'DOCKER')).toEqual([
    '-A DOCKER -i docker0 -j RETURN',
    '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80',
    '-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p udp -m udp --dport 53 -j DNAT --to-destination 172.17.0.2:53',
  ]);
  expect(await world.rules('filter', 'DOCKER')).toEqual([
    '-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT',
    '-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p udp -m udp --dport 53 -j ACCEPT',
  ]);
  expect(world.sockets.held()).toHaveLength(3);
  await world.expectSound();
});

test('ports that nobody chose come from the host’s range, one after the other', async () => {
  const world = await World.start((its) => {
    its.host.facts = { ...its.host.facts, ephemeralPorts: { from: 40_000, to: 40_002 } };
  });
  await world.run('one', { ports: ['80'] });
  await world.run('two', { ports: ['80'] });
  expect([hostPorts(world, 'one'), hostPorts(world, 'two')]).toEqual([
    [40_000, 40_000],
    [40_001, 40_001],
  ]);
  // A port that was just given back is the last to be given again.
  await world.engine.containers.remove('one', { force: true, volumes: false });
  await world.run('three', { ports: ['80'] });
  await world.run('four', { ports: ['80'] });
  expect([hostPorts(world, 'three'), hostPorts(world, 'four')]).toEqual([
    [40_002, 40_002],
    [40_000, 40_000],
  ]);
  await expect(world.run('five', { ports: ['80'] })).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringContaining('driver failed programming external connectivity on endpoint five'),
  });
  await world.expectSound();
});

test('ports that a start had until it failed are passed over, as dockerd does', async () => {
  const world = await World.start();
  await world.create('web', { ports: ['80'] });
  await world.engine.networks.connect('later', 'web', {});
  await expect(world.engine.containers.start('web')).rejects.toThrow('network later not found');
  await world.network('later');
  await world.engine.containers.start('web');
  expect(hostPorts(world, 'web')).toEqual([32_769, 32_769]);
});

test('of a range the first free one is taken; a range of the same size goes port by port', async () => {
  const world = await World.start();
  await world.run('one', { ports: ['8000-8001:80'] });
  await world.run('two', { ports: ['8000-8001:80'] });
  expect([hostPorts(world, 'one')[0], hostPorts(world, 'two')[0]]).toEqual([8000, 8001]);
  await expect(world.run('three', { ports: ['8000-8001:80'] })).rejects.toThrow('all ports are allocated');
  await world.expectSound();
});

test('publish all: what the image exposes', async () => {
  const world = await World.start();
  await world.run('web', { config: { Image: 'registry:2' }, host: { PublishAllPorts: true } });
  expect(world.published('web')).toEqual(['bridge 0.0.0.0:32768->5000/tcp', 'bridge :::32768->5000/tcp']);
});

test('a port that another container has is refused, and the container can be started once it is free', async () => {
  const world = await World.start();
  await world.run('one', { ports: ['8080:80'] });
  await world.create('two', { ports: ['8080:80'] });
  await expect(world.engine.containers.start('two')).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(
      /^driver failed programming external connectivity on endpoint two \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8080 failed: port is already allocated$/,
    ),
  });
  await world.expectSound();
  await world.engine.containers.stop('one');
  await world.engine.containers.start('two');
  expect(hostPorts(world, 'two')).toEqual([8080, 8080]);
  await world.expectSound();
});

test('the same port of two addresses or two protocols is two ports', async () => {
  const world = await World.start();
  await world.run('one', { ports: ['127.0.0.1:8080:80'] });
  await world.run('two', { ports: ['127.0.0.2:8080:80', '8080:80/udp'] });
  await expect(world.run('three', { ports: ['8080:80'] })).rejects.toThrow('port is already allocated');
  await world.expectSound();
});

test('a port that another program of the host has is refused if it was asked for, and passed over if not', async () => {
  const world = await World.start();
  world.sockets.occupy(
    { protocol: 'tcp', address: '0.0.0.0', port: 8080 },
    { protocol: 'tcp', address: '0.0.0.0', port: 32_768 },
    { protocol: 'tcp', address: '::', port: 32_769 },
  );
  await expect(world.run('one', { ports: ['8080:80'] })).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(
      /^driver failed programming external connectivity on endpoint one \([0-9a-f]{64}\): failed to bind host port 0\.0\.0\.0:8080\/tcp: address already in use$/,
    ),
  });
  await world.run('two', { ports: ['80'] });
  expect(hostPorts(world, 'two')).toEqual([32_770, 32_770]);
  await world.expectSound();
});

test("an address that is not the host's is refused in the system's words", async () => {
  const world = await World.start();
  world.sockets.fail(({ object }) => object.kind === 'listener', 'Cannot assign requested address', 'EADDRNOTAVAIL');
  await expect(world.run('one', { ports: ['203.0.113.9:8080:80'] })).rejects.toThrow(
    /: failed to bind host port 203\.0\.113\.9:8080\/tcp: cannot assign requested address$/,
  );
  await world.expectSound();
});

test('on internal networks nothing is published', async () => {
  const world = await World.start();
  await world.network('inside', { internal: true });
  await world.run('web', { network: 'inside', ports: ['8080:80'] });
  expect(world.published('web')).toEqual([]);
  await world.expectSound();
});
