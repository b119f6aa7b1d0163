import { expect, test } from 'vitest';
import { kernelContract } from '../engine/kernel.contract.ts';
import type { Desired, KernelObject } from '../plan/object.ts';
import type { Step } from '../plan/step.ts';
import { ModelKernel } from './kernel.ts';

kernelContract('ModelKernel', async () => new ModelKernel());

const REASON = { owner: { kind: 'engine', id: 'test', name: 'test' }, why: 'The test asks for it.' } as const;
const wanted = <T extends KernelObject>(object: T): Desired<T> => ({ ...object, ...REASON });
const add = (object: KernelObject): Step<KernelObject> => ({ op: 'add', object: wanted(object) });
const keysOf = async (kernel: ModelKernel, ...kinds: readonly KernelObject['kind'][]) =>
  (await kernel.observe({ sandboxes: ['box'], kinds })).map((object) => ('name' in object ? object.name : object.kind));

const bridge = { kind: 'link', type: 'bridge', namespace: 'host', name: 'br-x', up: true } as const;
const sandbox = { kind: 'namespace', id: 'box' } as const;
const address = { kind: 'address', namespace: 'box', link: 'eth0', address: 'fd00::2/64' } as const;
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
