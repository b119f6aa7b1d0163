/** What others do to the kernel is seen and put right; what is theirs is left alone. */
import { expect, test, vi } from 'vitest';
import type { KernelObject, RuleObject } from '../plan/object.ts';
import { World } from './world.fixture.ts';

const TAIL = { section: 'tail', sequence: 0, index: 0 } as const;
const HEAD = { section: 'head', sequence: 0, index: 0 } as const;
const foreign = (chain: string, port: number, position: RuleObject['position'] = TAIL): RuleObject => ({
  kind: 'rule',
  rule: {
    family: 'ip',
    table: 'filter',
    chain,
    matches: [
      { kind: 'protocol', name: 'tcp' },
      { kind: 'port', of: 'tcp', side: 'destination', range: { from: port, to: port } },
    ],
    target: { kind: 'accept' },
  },
  position,
});

async function scene(): Promise<World> {
  const world = await World.start();
  await world.network('net');
  await world.run('web', { network: 'net', ports: ['8080:80'] });
  await world.pass(10_000);
  return world;
}

const bridge = (world: World): string => world.engine.networks.get('net').network.bridge!.name;

test.each<{ what: string; harm: (world: World) => Promise<void> | void }>([
  { what: 'a flush of the nat table', harm: ({ kernel }) => kernel.flush('ip', 'nat') },
  { what: 'a flush of the filter table', harm: ({ kernel }) => kernel.flush('ip', 'filter') },
  {
    what: 'a bridge that is removed, with all that was plugged into it',
    harm: (world) =>
      world.kernel.remove({ kind: 'link', type: 'bridge', namespace: 'host', name: bridge(world), up: true }),
  },
  {
    what: 'forwarding that is turned off',
    harm: ({ kernel }) => kernel.add({ kind: 'sysctl', namespace: 'host', name: 'net/ipv4/ip_forward', value: '0' }),
  },
  {
    what: 'an address that is taken away',
    harm: (world) =>
      world.kernel.remove({ kind: 'address', namespace: 'host', link: bridge(world), address: '172.18.0.1/16' }),
  },
  {
    what: 'a default route that is gone',
    harm: (world) => {
      const { sandbox } = world.engine.containers.get('web');
      world.kernel.remove({
        kind: 'route',
        namespace: sandbox!.id,
        family: 'ip',
        to: 'default',
        via: '172.18.0.1',
        link: 'eth0',
      });
    },
  },
  {
    what: 'a rule that stands twice',
    harm: async ({ kernel }) => {
      const rules = await kernel.observe({ sandboxes: [], kinds: ['rule'] });
      kernel.add(rules.find((object) => object.kind === 'rule' && object.rule.target.kind === 'dnat')!);
    },
  },
])('$what', async ({ harm }) => {
  const world = await scene();
  const before = await world.rules('filter', 'FORWARD');
  await harm(world);
  expect(await world.engine.inspection.repair()).not.toEqual([]);
  await world.expectSound();
  expect(await world.rules('filter', 'FORWARD')).toEqual(before);
  expect(world.log.join('\n')).toContain('drift: ');
  expect(await world.engine.inspection.repair()).toEqual([]);
});

test('nftables: a table that is removed, with all that was in it', async () => {
  const world = await World.start((next) => next.useBackend('nftables'));
  await world.network('net');
  await world.run('web', { network: 'net', ports: ['8080:80'] });
  const before = await world.observe();
  const table = before.find(({ kind }) => kind === 'nft-table')!;
  world.kernel.remove(table);
  expect((await world.observe()).some(({ kind }) => kind === 'nft-element')).toBe(false);
  await world.pass(1000);
  await world.expectSound();
});

test('drift is seen without being asked for, half a second after it has ended', async () => {
  const world = await scene();
  world.kernel.flush('ip', 'nat');
  await world.pass(499);
  expect(await world.rules('nat', 'POSTROUTING')).toEqual([]);
  await world.pass(1);
  await world.expectSound();
});

test('drift is seen within five seconds, however often something changes', async () => {
  const world = await scene();
  world.kernel.flush('ip', 'nat');
  for (let passed = 0; passed < 5000; passed += 250) {
    world.kernel.add(foreign('INPUT', 10_000 + passed));
    await world.pass(250);
  }
  expect((await world.rules('nat', 'POSTROUTING')).length).toBeGreaterThan(0);
});

test('the engine’s own changes are no drift', async () => {
  const world = await scene();
  await world.engine.networks.connect('bridge', 'web', {});
  await world.engine.containers.restart('web');
  await world.pass(10_000);
  expect(world.log).toEqual([]);
});

test('nor a reason to look at the host', async () => {
  const world = await scene();
  const looks = vi.spyOn(world.kernel, 'observe');
  await world.engine.networks.connect('bridge', 'web', {});
  await world.engine.containers.restart('web');
  await world.pass(10_000);
  expect(looks.mock.calls).toEqual([]);
  world.kernel.flush('ip', 'nat');
  await world.pass(10_000);
  expect(looks).toHaveBeenCalledOnce();
});

test('foreign rules, links and namespaces’ neighbours stay; rules put before the engine’s stay behind its first', async () => {
  const world = await World.start();
  const theirs: readonly KernelObject[] = [
    { kind: 'link', type: 'bridge', namespace: 'host', name: 'virbr0', mtu: 1500, up: true },
    { kind: 'address', namespace: 'host', link: 'virbr0', address: '192.168.122.1/24' },
    { kind: 'chain', family: 'ip', table: 'filter', name: 'LIBVIRT' },
    foreign('LIBVIRT', 1),
    foreign('INPUT', 2, HEAD),
    foreign('FORWARD', 3, HEAD),
    foreign('DOCKER-USER', 4, HEAD),
  ];
  world.kernel.add(...theirs);
  await world.network('net');
  await world.run('web', { network: 'net', ports: ['8080:80'] });
  world.kernel.flush('ip', 'nat');
  await world.pass(1000);
  await world.expectSound(theirs);
  const forward = await world.rules('filter', 'FORWARD');
  expect(forward.slice(0, 2)).toEqual(['-A FORWARD -j DOCKER-USER', '-A FORWARD -j DOCKER-ISOLATION-STAGE-1']);
  expect(await world.rules('filter', 'DOCKER-USER')).toEqual([
    '-A DOCKER-USER -p tcp -m tcp --dport 4 -j ACCEPT',
    '-A DOCKER-USER -j RETURN',
  ]);
  await world.restart();
  await world.expectSound(theirs);
});

test('what a repair cannot do is told, and tried again at the next change', async () => {
  const world = await scene();
  const failure = world.kernel.fail(({ object }) => object.kind === 'rule', 'Resource temporarily unavailable');
  world.kernel.flush('ip', 'nat');
  await world.pass(1000);
  expect(world.log.at(-1)).toContain('drift could not be repaired');
  failure.close();
  world.kernel.add(foreign('INPUT', 9));
  await world.pass(1000);
  await world.expectSound([foreign('INPUT', 9)]);
});

test('a new engine finds its namespaces and rules as they were, and has nothing to do', async () => {
  const world = await scene();
  const before = await world.observe();
  await world.restart();
  expect(await world.observe()).toEqual(before);
  expect(world.log).toEqual([]);
  await world.expectSound();
});

test('a new engine on a machine that was rebooted starts what is to run, and makes all of it anew', async () => {
  const world = await World.start();
  await world.network('net');
  await world.run('web', { network: 'net', ports: ['8080:80'], restart: 'always' });
  const id = await world.run('app', { network: 'net' });
  await world.engine.close();
  for (const its of world.runtime.running().keys()) world.runtime.end(its, 255);
  await world.reboot();
  expect([world.status('web'), world.status('app')]).toEqual(['running', 'exited']);
  expect(world.engine.containers.get(id).container.state.exitCode).toBe(255);
  expect(world.addresses('web')).toEqual({ net: '172.18.0.2/16' });
  await world.expectSound();
});
