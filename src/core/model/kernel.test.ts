import { expect, test } from 'vitest';
import { kernelContract } from '../engine/kernel.contract.ts';
import type { Desired, KernelObject, NftObject } from '../plan/object.ts';
import type { Step } from '../plan/step.ts';
import { ModelKernel } from './kernel.ts';

kernelContract('ModelKernel', async () => new ModelKernel());

const REASON = { owner: { kind: 'engine', id: 'test', name: 'test' }, why: 'The test asks for it.' } as const;
const wanted = <T extends KernelObject>(object: T): Desired<T> => ({ ...object, ...REASON });
const add = (object: KernelObject): Step<KernelObject> => ({ op: 'add', object: wanted(object) });
const remove = (object: KernelObject): Step<KernelObject> => ({ op: 'remove', object: wanted(object) });
const keysOf = async (kernel: ModelKernel, ...kinds: readonly KernelObject['kind'][]) =>
  (await kernel.observe({ sandboxes: ['box'], kinds })).map((object) => ('name' in object ? object.name : object.kind));

const bridge = { kind: 'link', type: 'bridge', namespace: 'host', name: 'br-x', up: true } as const;
const sandbox = { kind: 'namespace', id: 'box' } as const;
const veth = {
  kind: 'link',
  type: 'veth',
  namespace: 'host',
  name: 'veth0',
  master: 'br-x',
  up: true,
  peer: { namespace: 'box', name: 'eth0' },
} as const;
const address = { kind: 'address', namespace: 'box', link: 'eth0', address: 'fd00::2/64' } as const;
const disable = (link: string, value: string): KernelObject => ({
  kind: 'sysctl',
  namespace: 'box',
  name: `net/ipv6/conf/${link}/disable_ipv6`,
  value,
});

test('a step that a test picks is refused, with all before it, until that is ended', async () => {
  const kernel = new ModelKernel();
  const failure = kernel.fail(({ object }) => object.kind === 'namespace', 'Cannot allocate memory', 'ENOMEM');
  const step = add(sandbox);
  await expect(kernel.apply([add(bridge), step])).rejects.toMatchObject({
    message: 'add namespace box: Cannot allocate memory',
    code: 'ENOMEM',
    step,
  });
  expect(await keysOf(kernel, 'link')).toEqual(['lo']);
  failure.close();
  await kernel.apply([add(bridge), step]);
  expect(kernel.lastTransaction).toEqual([add(bridge), step]);
});

test('what others do is seen, and is no transaction of the engine’s', async () => {
  const kernel = new ModelKernel();
  let told = 0;
  kernel.watch('host', () => (told += 1));
  kernel.add(bridge);
  kernel.remove(bridge);
  kernel.flush('ip', 'nat');
  await Promise.resolve();
  expect(told).toBe(1);
  expect(kernel.lastTransaction).toEqual([]);
  expect(() => kernel.add({ ...address, namespace: 'nowhere' })).toThrow('No such file or directory');
});

test('where IPv6 is off there is no IPv6 address; turning it off takes addresses away', async () => {
  const kernel = new ModelKernel();
  await kernel.apply([sandbox, bridge, disable('all', '1'), veth].map(add));
  await expect(kernel.apply([add(address)])).rejects.toMatchObject({ code: 'EACCES' });
  await kernel.apply([disable('eth0', '0'), address].map(add));
  expect(await keysOf(kernel, 'address')).toEqual(['address']);
  await kernel.apply([add(disable('all', '1'))]);
  expect(await keysOf(kernel, 'address')).toEqual([]);
});

test('a removed bridge frees its ports; a chain that is led to stays', async () => {
  const kernel = new ModelKernel();
  const chain = { kind: 'chain', family: 'ip', table: 'filter', name: 'OWN' } as const;
  const jump: KernelObject = {
    kind: 'rule',
    rule: { family: 'ip', table: 'filter', chain: 'INPUT', matches: [], target: { kind: 'jump', chain: 'OWN' } },
    position: { section: 'tail', sequence: 0, index: 0 },
  };
  await kernel.apply([sandbox, bridge, veth, chain, jump].map(add));
  await kernel.apply([remove(bridge)]);
  const links = await kernel.observe({ sandboxes: ['box'], kinds: ['link'] });
  expect(links.find((link) => link.kind === 'link' && link.name === 'veth0')).not.toHaveProperty('master');
  await expect(kernel.apply([remove(chain)])).rejects.toMatchObject({ code: 'EBUSY' });
  await kernel.apply([remove(chain), remove(jump)]);
  expect(await keysOf(kernel, 'chain')).not.toContain('OWN');
});

const place = { family: 'ip', table: 'own' } as const;
const table: NftObject = { kind: 'nft-table', family: 'ip', name: 'own' };
const ports: NftObject = { kind: 'nft-set', ...place, name: 'ports', type: ['inet_service'], map: ['verdict'] };
const published: NftObject = {
  kind: 'nft-chain',
  ...place,
  name: 'published',
  rules: [{ statements: [{ accept: null }] }],
};
const forward: NftObject = {
  kind: 'nft-chain',
  ...place,
  name: 'forward',
  rules: [{ statements: [{ vmap: { key: { payload: { protocol: 'tcp', field: 'dport' } }, data: '@ports' } }] }],
};
const element: NftObject = { kind: 'nft-element', ...place, set: 'ports', key: [80], verdict: 'goto published' };

test('nftables: a transaction is done whatever the order of its steps, and its table takes all along', async () => {
  const kernel = new ModelKernel();
  await kernel.apply([element, forward, published, ports, table].map(add));
  const objects = await kernel.observe({ sandboxes: [], kinds: ['nft-table', 'nft-set', 'nft-chain', 'nft-element'] });
  expect(objects).toEqual(expect.arrayContaining([table, ports, published, forward, element]));
  await kernel.apply([remove(table)]);
  expect(await keysOf(kernel, 'nft-table', 'nft-set', 'nft-chain', 'nft-element')).toEqual([]);
  await kernel.apply([remove(element), remove(table)]);
});

test.each<{ what: string; steps: readonly Step<KernelObject>[]; code: string }>([
  { what: 'an element that is there', steps: [add(element)], code: 'EEXIST' },
  { what: 'an element of a set that is missing', steps: [add({ ...element, set: 'none' })], code: 'ENOENT' },
  {
    what: 'an element that leads nowhere',
    steps: [add({ ...element, key: [81], verdict: 'jump none' })],
    code: 'ENOENT',
  },
  { what: 'removing a chain that an element leads to', steps: [remove(published)], code: 'EBUSY' },
  { what: 'removing a set that a rule looks into', steps: [remove(ports)], code: 'EBUSY' },
])('nftables refuses $what, and nothing has changed', async ({ steps, code }) => {
  const kernel = new ModelKernel();
  await kernel.apply([table, ports, published, forward, element].map(add));
  const before = await kernel.observe({ sandboxes: [] });
  await expect(kernel.apply([add(bridge), ...steps])).rejects.toMatchObject({ code });
  expect(await kernel.observe({ sandboxes: [] })).toEqual(before);
});
