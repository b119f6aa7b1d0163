/** What a container's network mode makes of it. */
import { expect, test } from 'vitest';
import { containerRequest, World } from './world.fixture.ts';

/** The links that a container sees. */
async function links(world: World, ref: string): Promise<string[]> {
  const { sandbox } = world.engine.containers.get(ref);
  const objects = await world.kernel.observe({ sandboxes: [sandbox!.id], kinds: ['link', 'address'] });
  return objects.flatMap((object) => {
    if (object.kind === 'link' && object.namespace === sandbox!.id) return [object.name];
    if (object.kind === 'link' && object.type === 'veth' && object.peer.namespace === sandbox!.id) {
      return [object.peer.name];
    }
    return [];
  });
}

test('none: loopback and nothing else', async () => {
  const world = await World.start();
  const id = await world.run('web', { network: 'none', ports: ['8080:80'] });
  expect(await links(world, 'web')).toEqual(['lo']);
  expect(world.addresses('web')).toEqual({ none: '' });
  expect(world.published('web')).toEqual([]);
  expect(world.runtime.specOf(id)?.networkNamespace).toBe(
    world.kernel.namespacePath(world.engine.containers.get('web').sandbox!.id),
  );
  expect(world.runtime.etcFile(id, 'hosts')).not.toContain('172.');
  await world.expectSound();
});

test('none: the MAC address that was asked for is told', async () => {
  const world = await World.start();
  await world.run('web', { network: 'none', config: { MacAddress: '02:00:00:00:00:07' } });
  expect(world.engine.containers.get('web').endpoints[0]!.endpoint.mac).toBe('02:00:00:00:00:07');
  await world.expectSound();
});

test('host: the engine’s own namespace, its name and its servers; published ports are dropped with a warning', async () => {
  const world = await World.start();
  const { id, warnings } = await world.engine.containers.create(
    containerRequest('web', { network: 'host', ports: ['8080:80'] }),
  );
  await world.engine.containers.start(id);
  expect(warnings).toEqual(['Published ports are discarded when using host network mode']);
  expect(world.runtime.specOf(id)?.networkNamespace).toBeNull();
  expect(world.published('web')).toEqual([]);
  expect(await world.kernel.observe({ sandboxes: [], kinds: ['namespace'] })).toEqual([]);
  expect(world.engine.containers.get('web').container.config.Hostname).toBe('host');
  expect(world.runtime.etcFile(id, 'resolv.conf')).toBe(world.host.facts.resolvConf);
  expect(world.runtime.etcFile(id, 'hosts')).toBe(world.host.facts.hosts);
  const named = await world.run('named', { network: 'host', host: { ExtraHosts: ['other:192.0.2.1'] } });
  expect(world.runtime.etcFile(named, 'hosts')).toContain('192.0.2.1\tother');
  await world.expectSound();
});

test('host: no place on a network that came later', async () => {
  const world = await World.start();
  await world.create('web', { network: 'host' });
  await world.engine.networks.connect('later', 'web', {});
  await world.network('later');
  await expect(world.engine.containers.start('web')).rejects.toThrow('sharing network namespace with');
  await world.expectSound();
});

test('container: one that came later is called as it was asked for', async () => {
  const world = await World.start();
  await world.create('guest', { network: 'container:later' });
  await world.create('later');
  await expect(world.engine.containers.start('guest')).rejects.toMatchObject({
    code: 'conflict',
    message: 'cannot join network of a non running container: later',
  });
});

test('container: the namespace of another, which must run', async () => {
  const world = await World.start();
  const web = await world.create('web', { ports: ['8080:80'] });
  const guest = await world.create('guest', { network: 'container:web' });
  await expect(world.engine.containers.start('guest')).rejects.toMatchObject({
    code: 'conflict',
    message: `cannot join network of a non running container: ${web}`,
  });
  const { container } = world.engine.containers.get('guest');
  expect(container.config.Hostname).toBe(container.id.slice(0, 12));
  await world.engine.containers.start('web');
  await world.engine.containers.start('guest');
  expect(world.runtime.specOf(guest)?.networkNamespace).toBe(world.runtime.specOf(web)?.networkNamespace);
  expect(world.runtime.specOf(guest)?.etcOf).toBe(web);
  expect(world.engine.containers.get('guest').endpoints).toEqual([]);
  await world.expectSound();
  await world.engine.containers.stop('guest');
  expect(world.published('web')).toHaveLength(2);
  await world.expectSound();
});

test('container: its own namespace is none to join', async () => {
  const world = await World.start();
  await world.create('web', { network: 'container:web' });
  await expect(world.engine.containers.start('web')).rejects.toMatchObject({
    code: 'internal',
    message: 'cannot join own network',
  });
  await world.expectSound();
});

test('container: the other is remembered by its id, and may be renamed', async () => {
  const world = await World.start();
  const web = await world.run('web');
  await world.create('guest', { network: 'container:web', host: { PidMode: 'container:web' } });
  await world.engine.containers.rename('web', 'site');
  const { hostConfig } = world.engine.containers.get('guest').container;
  expect(hostConfig).toMatchObject({ NetworkMode: `container:${web}`, PidMode: `container:${web}` });
  await world.engine.containers.start('guest');
  expect(world.status('guest')).toBe('running');
  await world.create('early', { network: 'container:later' });
  expect(world.engine.containers.get('early').container.hostConfig.NetworkMode).toBe('container:later');
});

test('container: a network of its own is noted while it does not run, and has no effect', async () => {
  const world = await World.start();
  await world.run('web');
  await world.create('guest', { network: 'container:web' });
  await world.engine.networks.connect('bridge', 'guest', {});
  await world.engine.containers.start('guest');
  expect(Object.keys(world.engine.containers.get('guest').container.networks)).toEqual(['bridge']);
  expect(world.engine.containers.get('guest').endpoints).toEqual([]);
  const { id } = world.engine.containers.get('guest').container;
  await expect(world.engine.networks.disconnect('bridge', 'guest')).rejects.toMatchObject({
    message: `container ${id} is not connected to network bridge`,
  });
  await world.expectSound();
});

test.each<{ what: string; wish: Parameters<typeof containerRequest>[1]; text: string }>([
  {
    what: 'ports',
    wish: { ports: ['80:80'] },
    text: 'conflicting options: port publishing and the container type network mode',
  },
  {
    what: 'exposed ports',
    wish: { config: { ExposedPorts: { '80/tcp': {} } } },
    text: 'conflicting options: port exposing and the container type network mode',
  },
  {
    what: 'a hostname',
    wish: { config: { Hostname: 'me' } },
    text: 'conflicting options: hostname and the network mode',
  },
  {
    what: 'name servers',
    wish: { host: { Dns: ['192.0.2.1'] } },
    text: 'conflicting options: dns and the network mode',
  },
  {
    what: 'hosts',
    wish: { host: { ExtraHosts: ['a:192.0.2.1'] } },
    text: 'conflicting options: custom host-to-IP mapping and the network mode',
  },
  {
    what: 'links',
    wish: { host: { Links: ['web'] } },
    text: 'conflicting options: host links and the container type network mode',
  },
])('container: with $what of its own is refused', async ({ wish, text }) => {
  const world = await World.start();
  await world.run('web');
  await expect(world.create('guest', { network: 'container:web', ...wish })).rejects.toMatchObject({
    code: 'invalid',
    message: text,
  });
});

test('default: the default bridge, where names are written into files', async () => {
  const world = await World.start();
  await world.run('db');
  const id = await world.run('web', {
    config: { Hostname: 'site', Domainname: 'example.org' },
    host: { Links: ['db:store'], ExtraHosts: ['up:192.0.2.7', 'here:host-gateway'], DnsSearch: ['example.org'] },
  });
  expect(world.addresses('web')).toEqual({ bridge: '172.17.0.3/16' });
  const db = world.engine.containers.get('db').container.id.slice(0, 12);
  expect(world.runtime.etcFile(id, 'hosts')!.split('\n').slice(6)).toEqual([
    '192.0.2.7\tup',
    '172.17.0.1\there',
    `172.17.0.2\tstore ${db} db`,
    '172.17.0.3\tsite.example.org site',
    '',
  ]);
  expect(world.runtime.etcFile(id, 'resolv.conf')).toBe('search example.org\nnameserver 192.0.2.53\n');
  expect(world.runtime.etcFile(id, 'hostname')).toBe('site.example.org\n');
  expect(world.sockets.held()).toEqual([]);
  await world.expectSound();
});

test('a network that is missing is told at the start, and may come until then', async () => {
  const world = await World.start();
  await world.create('web', { network: 'later' });
  await expect(world.engine.containers.start('web')).rejects.toMatchObject({
    code: 'not-found',
    message: 'network later not found',
  });
  await world.expectSound();
  await world.network('later');
  await world.engine.containers.start('web');
  expect(world.addresses('web')).toEqual({ later: '172.18.0.2/16' });
  await world.expectSound();
});
