import { describe, expect, test } from 'vitest';
import { World } from './world.fixture.ts';

const EVERYTHING = { labels: [], withoutLabels: [] };
const names = ({ engine }: World): string[] => engine.networks.list().map(({ network }) => network.name);
const subnets = ({ engine }: World, ref: string): string[] =>
  engine.networks.get(ref).network.ipam.pools.map(({ subnet }) => subnet);

describe('networks', () => {
  test('three are always there, and the same after a restart', async () => {
    const world = await World.start();
    const before = world.engine.networks.list();
    expect(before.map(({ network }) => [network.name, network.driver, network.scope])).toEqual([
      ['none', 'null', 'local'],
      ['host', 'host', 'local'],
      ['bridge', 'bridge', 'local'],
    ]);
    await world.restart();
    expect(world.engine.networks.list()).toEqual(before);
  });

  test('each gets the next pool that is free, on a bridge named after its id', async () => {
    const world = await World.start();
    world.kernel.add(
      { kind: 'link', type: 'dummy', namespace: 'host', name: 'eth0', up: true },
      { kind: 'address', namespace: 'host', link: 'eth0', address: '172.18.0.9/16' },
    );
    const id = await world.network('a');
    await world.network('b', { subnet: '10.1.2.0/24' });
    await world.network('c');
    expect(subnets(world, 'bridge')).toEqual(['172.17.0.0/16']);
    // The host has 172.18.0.0/16 itself.
    expect(subnets(world, 'a')).toEqual(['172.19.0.0/16']);
    expect(subnets(world, 'b')).toEqual(['10.1.2.0/24']);
    expect(subnets(world, 'c')).toEqual(['172.20.0.0/16']);
    const objects = await world.observe();
    expect(objects).toContainEqual(
      expect.objectContaining({ kind: 'link', type: 'bridge', name: `br-${id.slice(0, 12)}`, up: true }),
    );
    expect(objects).toContainEqual(
      expect.objectContaining({ kind: 'address', address: '172.19.0.1/16', broadcast: '172.19.255.255' }),
    );
    expect(world.told(id)).toEqual(['create']);
  });

  test('one is found by id, by name, by the beginning of its id', async () => {
    const world = await World.start();
    const id = await world.network('a');
    for (const ref of [id, 'a', id.slice(0, 12), id.slice(0, 5)]) {
      expect(world.engine.networks.get(ref).network.id).toBe(id);
    }
  });

  test('a removed one is gone with all that it called for', async () => {
    const world = await World.start();
    const before = await world.observe();
    const id = await world.network('a', { enableIPv6: true });
    await world.engine.networks.remove('a');
    expect(names(world)).toEqual(['none', 'host', 'bridge']);
    // Forwarding stays on: others may lean on it by now.
    const withoutSettings = (objects: typeof before) => objects.filter(({ kind }) => kind !== 'sysctl');
    expect(withoutSettings(await world.observe())).toEqual(withoutSettings(before));
    expect(world.told(id)).toEqual(['create', 'destroy']);
  });

  test('a prune takes those that nobody is on and that its filter wants', async () => {
    const world = await World.start();
    await world.network('used');
    await world.network('kept', { labels: { keep: 'yes' } });
    await world.network('template', { configOnly: true });
    await world.network('old', { configFrom: 'template' });
    world.clock.advance(60_000);
    const until = world.clock.now();
    await world.network('young');
    await world.run('web', { network: 'used' });
    expect(await world.engine.networks.prune({ labels: [], withoutLabels: ['keep=yes'], until })).toEqual(['old']);
    expect(await world.engine.networks.prune(EVERYTHING)).toEqual(['kept', 'young']);
    expect(names(world)).toEqual(['none', 'host', 'bridge', 'used', 'template']);
    const { id } = world.engine.networks.get('template').network;
    await world.engine.networks.remove('template');
    // As with Docker, the going of a template is not told.
    expect(world.told(id)).toEqual(['create']);
    await world.expectSound();
  });
});

describe('connect and disconnect', () => {
  test('a running container gets a link, an address and a name on the network, and loses them', async () => {
    const world = await World.start();
    const network = await world.network('net');
    const id = await world.run('web');
    await world.engine.networks.connect('net', 'web', { aliases: ['db'] });
    expect(world.addresses('web')).toEqual({ bridge: '172.17.0.2/16', net: '172.18.0.2/16' });
    const { endpoints } = world.engine.containers.get('web');
    expect(endpoints.map(({ endpoint }) => [endpoint.interfaceName, endpoint.mac])).toEqual([
      ['eth0', '02:42:ac:11:00:02'],
      ['eth1', '02:42:ac:12:00:02'],
    ]);
    expect(world.runtime.etcFile(id, 'hosts')).toContain(`172.18.0.2\t${id.slice(0, 12)}\n`);
    expect(world.runtime.etcFile(id, 'resolv.conf')).toContain('nameserver 127.0.0.11\n');
    await world.expectSound();

    await world.engine.networks.disconnect('net', 'web');
    expect(world.addresses('web')).toEqual({ bridge: '172.17.0.2/16' });
    expect(world.runtime.etcFile(id, 'hosts')).not.toContain('172.18.0.2');
    expect(world.runtime.etcFile(id, 'resolv.conf')).toContain('nameserver 192.0.2.53\n');
    expect(world.told(network)).toEqual(['create', 'connect', 'disconnect']);
    await world.expectSound();
  });

  test('what was written into a running container’s files stays', async () => {
    const world = await World.start();
    await world.network('net');
    await world.network('more');
    const id = await world.run('web', { network: 'net' });
    const append = async (file: 'hosts' | 'resolv.conf', line: string): Promise<void> =>
      world.runtime.writeEtc(id, file, world.runtime.etcFile(id, file)! + line);
    await append('hosts', '10.0.0.9\tby-hand\n');
    await append('resolv.conf', 'options rotate\n');
    await world.engine.networks.connect('more', 'web', {});
    await world.engine.networks.disconnect('net', 'web');
    expect(world.runtime.etcFile(id, 'hosts')!.split('\n').slice(6)).toEqual([
      '10.0.0.9\tby-hand',
      `172.19.0.2\t${id.slice(0, 12)}`,
      '',
    ]);
    expect(world.runtime.etcFile(id, 'resolv.conf')).toContain('options rotate\n');
    await world.expectSound();
  });

  test('the name of a link is not used again while the container runs', async () => {
    const world = await World.start();
    await world.network('net');
    await world.run('web');
    for (const name of ['eth1', 'eth2']) {
      await world.engine.networks.connect('net', 'web', {});
      const { endpoints } = world.engine.containers.get('web');
      expect(endpoints.at(-1)?.endpoint.interfaceName).toBe(name);
      await world.engine.networks.disconnect('net', 'web');
    }
  });

  test('links are named in the order in which they lead out: internal networks last, then by name', async () => {
    const world = await World.start();
    await world.network('a', { internal: true });
    await world.network('z');
    await world.create('web', { network: 'z' });
    for (const name of ['a', 'bridge']) await world.engine.networks.connect(name, 'web', {});
    await world.engine.containers.start('web');
    const { endpoints } = world.engine.containers.get('web');
    expect(Object.fromEntries(endpoints.map((its) => [its.endpoint.interfaceName, its.network.name]))).toEqual({
      eth0: 'bridge',
      eth1: 'z',
      eth2: 'a',
    });
    // The default bridge is joined first.
    expect(endpoints[0]!.network.name).toBe('bridge');
    await world.expectSound();
  });

  test('who was on a network is not on another that gets its name', async () => {
    const world = await World.start();
    const first = await world.network('net');
    await world.run('web', { network: 'net' });
    await world.engine.containers.stop('web');
    await world.engine.networks.remove('net');
    await world.network('net');
    await expect(world.engine.containers.start('web')).rejects.toMatchObject({
      code: 'not-found',
      message: `network ${first} not found`,
    });
    // Until it is put there again.
    await world.engine.networks.connect('net', 'web', {});
    await world.engine.containers.start('web');
    expect(Object.keys(world.addresses('web'))).toEqual(['net']);
    await world.expectSound();
  });

  test('networks that are gone are in nobody’s way', async () => {
    const world = await World.start();
    await world.network('net');
    await world.create('web', { network: 'net' });
    await world.engine.networks.remove('net');
    await world.engine.networks.connect('none', 'web', {});
    expect(Object.keys(world.engine.containers.get('web').container.networks)).toEqual(['net', 'none']);
  });

  test('a stopped container is there when it starts', async () => {
    const world = await World.start();
    const network = await world.network('net', { subnet: '10.0.0.0/24' });
    await world.create('web');
    await world.engine.networks.connect('net', 'web', { ipv4Address: '10.0.0.9' });
    expect(world.addresses('web')).toEqual({});
    expect(world.told(network)).toEqual(['create']);
    await world.engine.containers.start('web');
    expect(world.addresses('web')).toEqual({ bridge: '172.17.0.2/16', net: '10.0.0.9/24' });
    await world.expectSound();
  });

  test('addresses: the lowest free one, a wanted one, and none that a stopped container asks for', async () => {
    const world = await World.start();
    await world.network('net', { subnet: '10.0.0.0/24' });
    await world.create('reserved', { network: 'net', place: { ipv4Address: '10.0.0.3' } });
    await world.run('one', { network: 'net' });
    await world.run('two', { network: 'net' });
    await world.run('wants', { network: 'net', place: { ipv4Address: '10.0.0.200' } });
    expect(['one', 'two', 'wants'].map((name) => world.addresses(name)['net'])).toEqual([
      '10.0.0.2/24',
      '10.0.0.4/24',
      '10.0.0.200/24',
    ]);
    // Who asks for just that one takes it, as docker-compose does when it recreates a container.
    await world.run('heir', { network: 'net', place: { ipv4Address: '10.0.0.3' } });
    await expect(world.engine.containers.start('reserved')).rejects.toThrow('Address already in use');
    await world.engine.containers.remove('heir', { force: true, volumes: false });
    await world.engine.containers.start('reserved');
    expect(world.addresses('reserved')).toEqual({ net: '10.0.0.3/24' });
    await expect(world.run('late', { network: 'net', place: { ipv4Address: '10.0.0.200' } })).rejects.toMatchObject({
      code: 'forbidden',
      message: 'Address already in use',
    });
    await world.expectSound();
  });
});

describe('the way out', () => {
  const gateway = async (world: World, name: string): Promise<string | undefined> => {
    const { sandbox } = world.engine.containers.get(name);
    const objects = await world.kernel.observe({ sandboxes: [sandbox!.id], kinds: ['route'] });
    const route = objects.find((object) => object.kind === 'route' && object.to === 'default');
    return route?.kind === 'route' ? route.via : undefined;
  };

  test('goes through the first network by name that leads out, and by priority before that', async () => {
    const world = await World.start();
    await world.network('b', { subnet: '10.2.0.0/24' });
    await world.network('a', { subnet: '10.1.0.0/24', internal: true });
    await world.network('c', { subnet: '10.3.0.0/24' });
    await world.run('app', { network: 'a' });
    expect(await gateway(world, 'app')).toBeUndefined();
    await world.engine.networks.connect('c', 'app', {});
    expect(await gateway(world, 'app')).toBe('10.3.0.1');
    await world.engine.networks.connect('b', 'app', {});
    expect(await gateway(world, 'app')).toBe('10.2.0.1');
    await world.engine.networks.disconnect('c', 'app');
    await world.engine.networks.connect('c', 'app', { gatewayPriority: 1 });
    expect(await gateway(world, 'app')).toBe('10.3.0.1');
    await world.engine.networks.disconnect('c', 'app');
    expect(await gateway(world, 'app')).toBe('10.2.0.1');
    await world.expectSound();
  });

  test('takes the published ports with it', async () => {
    const world = await World.start();
    await world.network('b', { subnet: '10.2.0.0/24' });
    await world.network('a', { subnet: '10.1.0.0/24' });
    await world.run('app', { network: 'b', ports: ['8080:80'] });
    const dnat = async (): Promise<string[]> =>
      (await world.rules('nat', 'DOCKER'))
        .filter((rule) => rule.includes('DNAT'))
        .map((rule) => rule.split(' ').at(-1)!);
    expect(world.published('app')).toEqual(['b 0.0.0.0:8080->80/tcp', 'b :::8080->80/tcp']);
    expect(await dnat()).toEqual(['10.2.0.2:80']);
    await world.engine.networks.connect('a', 'app', {});
    expect(world.published('app')).toEqual(['a 0.0.0.0:8080->80/tcp', 'a :::8080->80/tcp']);
    expect(await dnat()).toEqual(['10.1.0.2:80']);
    await world.engine.networks.disconnect('a', 'app');
    expect(await dnat()).toEqual(['10.2.0.2:80']);
    await world.engine.networks.disconnect('b', 'app');
    expect(world.published('app')).toEqual([]);
    expect(await dnat()).toEqual([]);
    expect(world.sockets.held()).toEqual([]);
    await world.expectSound();
  });
});

describe('refused in Docker’s words, and nothing has changed', () => {
  const on = async (): Promise<World> => {
    const world = await World.start();
    await world.network('net', { subnet: '10.0.0.0/24' });
    await world.network('pool');
    await world.network('template', { configOnly: true });
    await world.run('web', { network: 'net' });
    await world.run('alone', { network: 'none' });
    await world.run('hostly', { network: 'host' });
    await world.run('guest', { network: 'container:web' });
    return world;
  };
  const id = (world: World, ref: string): string => world.engine.containers.get(ref).container.id;

  test.each<{
    what: string;
    run: (world: World) => Promise<unknown>;
    code: string;
    text: string | ((world: World) => string);
  }>([
    {
      what: 'a name that is taken',
      run: (world) => world.network('net'),
      code: 'conflict',
      text: 'network with name net already exists',
    },
    {
      what: 'a name of the predefined ones',
      run: (world) => world.network('bridge'),
      code: 'forbidden',
      text: 'operation is not permitted on predefined bridge network ',
    },
    {
      what: 'removing a predefined one',
      run: ({ engine }) => engine.networks.remove('bridge'),
      code: 'forbidden',
      text: 'bridge is a pre-defined network and cannot be removed',
    },
    {
      what: 'removing one that is in use',
      run: ({ engine }) => engine.networks.remove('net'),
      code: 'forbidden',
      text: ({ engine }) =>
        `error while removing network: network net id ${engine.networks.get('net').network.id} has active endpoints`,
    },
    {
      what: 'one that is missing',
      run: ({ engine }) => engine.networks.remove('missing'),
      code: 'not-found',
      text: 'network missing not found',
    },
    {
      what: 'a subnet that overlaps',
      run: (world) => world.network('new', { subnet: '10.0.0.128/25' }),
      code: 'forbidden',
      text: 'Pool overlaps with other one on this address space',
    },
    {
      what: 'connecting to one that is only a template',
      run: ({ engine }) => engine.networks.connect('template', 'web', {}),
      code: 'forbidden',
      text: 'cannot create endpoint on configuration-only network',
    },
    {
      what: 'connecting to the host network',
      run: ({ engine }) => engine.networks.connect('host', 'web', {}),
      code: 'invalid',
      text: 'container cannot be disconnected from host network or connected to host network',
    },
    {
      what: 'connecting a container of the host network',
      run: ({ engine }) => engine.networks.connect('net', 'hostly', {}),
      code: 'invalid',
      text: 'container sharing network namespace with another container or host cannot be connected to any other network',
    },
    {
      what: 'disconnecting from the host network',
      run: ({ engine }) => engine.networks.disconnect('host', 'hostly'),
      code: 'invalid',
      text: 'container cannot be disconnected from host network or connected to host network',
    },
    {
      what: 'connecting a container that is on none',
      run: ({ engine }) => engine.networks.connect('net', 'alone', {}),
      code: 'invalid',
      text: 'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    },
    {
      what: 'connecting to none besides another',
      run: ({ engine }) => engine.networks.connect('none', 'web', {}),
      code: 'invalid',
      text: 'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    },
    {
      what: 'connecting a container that shares another’s namespace',
      run: ({ engine }) => engine.networks.connect('net', 'guest', {}),
      code: 'invalid',
      text: 'container sharing network namespace with another container or host cannot be connected to any other network',
    },
    {
      what: 'connecting twice',
      run: ({ engine }) => engine.networks.connect('net', 'web', {}),
      code: 'forbidden',
      text: 'endpoint with name web already exists in network net',
    },
    {
      what: 'disconnecting what is not connected',
      run: ({ engine }) => engine.networks.disconnect('pool', 'web'),
      code: 'internal',
      text: (world) => `container ${id(world, 'web')} is not connected to network pool`,
    },
    {
      what: 'an address on the default bridge',
      run: ({ engine }) => engine.networks.connect('bridge', 'web', { ipv4Address: '172.17.0.9' }),
      code: 'invalid',
      text: 'invalid endpoint settings:\nuser-specified IP address is supported on user-defined networks only',
    },
    {
      what: 'an address outside of the subnet',
      run: (world) => world.run('new', { network: 'net', place: { ipv4Address: '10.9.0.9' } }),
      code: 'invalid',
      text: 'invalid endpoint settings:\nno configured subnet contains IP address 10.9.0.9',
    },
  ])('$what', async ({ run, code, text }) => {
    const world = await on();
    const before = await world.state();
    const message = typeof text === 'string' ? text : text(world);
    await expect(run(world)).rejects.toMatchObject({ code, message });
    expect(await world.state()).toEqual(before);
  });
});
