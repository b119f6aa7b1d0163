/** The way of a change, with each of its ports failing in turn. */
import { expect, test } from 'vitest';
import { network, OPTIONS } from '../firewall/records.fixture.ts';
import { ModelKernel } from '../model/kernel.ts';
import { ModelSockets } from '../model/sockets.ts';
import type { Desired } from '../plan/object.ts';
import type { Step } from '../plan/step.ts';
import { planner } from './blueprint.ts';
import { MemoryStore } from './memory-store.ts';
import { Ledger } from './records.ts';
import { Transactions } from './transaction.ts';

const REASON = { owner: { kind: 'engine', id: 'test', name: 'test' }, why: 'The test asks for it.' } as const;
const bridge: Desired = { kind: 'link', type: 'bridge', namespace: 'host', name: 'br-x', up: true, ...REASON };
const dummy: Desired = { kind: 'link', type: 'dummy', namespace: 'host', name: 'x', up: true, ...REASON };
const listener: Desired = {
  kind: 'listener',
  protocol: 'tcp',
  address: '0.0.0.0',
  port: 80,
  target: { address: '10.0.0.2', port: 80 },
  forward: true,
  ...REASON,
};
const add = (object: Desired): Step => ({ op: 'add', object });

function world() {
  const ledger = new Ledger();
  const store = new MemoryStore();
  const kernel = new ModelKernel();
  const sockets = new ModelSockets();
  const transactions = new Transactions(
    ledger,
    store,
    kernel,
    sockets,
    planner({ firewall: { ...OPTIONS, iptables: false } }),
  );
  const links = async (): Promise<string[]> =>
    (await kernel.observe({ sandboxes: [], kinds: ['link'] })).flatMap((link) =>
      link.kind === 'link' ? [link.name] : [],
    );
  const put = (name: string) => transactions.change((draft) => draft.network.put(network(name, 1)));
  return { ledger, store, kernel, sockets, transactions, links, put };
}

test('a change is noted, done, stored and committed', async () => {
  const { ledger, store, put, links } = world();
  const { steps } = await put('net');
  expect(steps.length).toBeGreaterThan(0);
  expect([...ledger.network.values()]).toHaveLength(1);
  const { records, pending } = await store.load();
  expect(records.get('network')?.size).toBe(1);
  expect(pending).toEqual([]);
  expect(await links()).toEqual(['lo', 'net']);
});

test('what the decision throws reaches the caller, and nothing has changed', async () => {
  const { ledger, kernel, transactions } = world();
  const decided = transactions.change((draft) => {
    draft.network.put(network('net', 1));
    throw new Error('no');
  });
  await expect(decided).rejects.toThrow('no');
  expect([...ledger.network.values()]).toEqual([]);
  expect(kernel.lastTransaction).toEqual([]);
});

test('changes are decided one after the other, each on the records that the one before left', async () => {
  const { ledger, transactions } = world();
  const count = async (): Promise<void> => {
    await transactions.change(async (draft) => {
      const length = [...draft.network.values()].length;
      await Promise.resolve();
      draft.network.put(network(`net${length}`, length + 1));
    });
  };
  await Promise.all([count(), count(), count()]);
  expect([...ledger.network.values()].map(({ name }) => name)).toEqual(['net0', 'net1', 'net2']);
});

test('a store that cannot commit has the steps taken back', async () => {
  const { ledger, store, put, links } = world();
  store.commit = () => Promise.reject(new Error('disk full'));
  await expect(put('net')).rejects.toThrow('disk full');
  expect([...ledger.network.values()]).toEqual([]);
  expect(await links()).toEqual(['lo']);
  expect((await store.load()).pending).toEqual([]);
});

test('steps of two ports: if the second fails, the first is taken back', async () => {
  const { kernel, sockets, transactions, links } = world();
  sockets.occupy({ protocol: 'tcp', address: '0.0.0.0', port: 80 });
  await expect(transactions.apply([add(bridge), add(listener)])).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(await links()).toEqual(['lo']);
  const failure = kernel.fail(({ object }) => object.kind === 'link' && object.type === 'dummy');
  await expect(transactions.apply([add(bridge), add({ ...listener, port: 81 }), add(dummy)])).rejects.toThrow(
    'Input/output error',
  );
  failure.close();
  expect(await links()).toEqual(['lo']);
  expect(sockets.held()).toEqual([]);
});

test('a name server comes while the kernel works on what is not its sandbox; whichever fails, the other is taken back', async () => {
  const { kernel, sockets, transactions, links } = world();
  const resolver: Desired = { kind: 'resolver', sandbox: 'sandbox', ...REASON };
  const held = () => sockets.held().map(({ kind }) => kind);
  const seen: string[][] = [];
  const apply = kernel.apply.bind(kernel);
  kernel.apply = async (steps) => {
    await Promise.resolve();
    seen.push(held());
    return apply(steps);
  };
  await transactions.apply([add(bridge), add(resolver)]);
  await transactions.apply([
    { op: 'remove', object: bridge },
    { op: 'remove', object: resolver },
  ]);
  expect(seen).toEqual([['resolver'], []]);
  const namespace: Desired = { kind: 'namespace', id: 'sandbox', ...REASON };
  await transactions.apply([add(namespace), add(resolver)]);
  expect(seen.at(-1)).toEqual([]);
  await transactions.apply([
    { op: 'remove', object: namespace },
    { op: 'remove', object: resolver },
  ]);
  expect(seen.at(-1)).toEqual(['resolver']);

  const noSockets = sockets.fail(() => true, 'no sockets');
  await expect(transactions.apply([add(bridge), add(resolver)])).rejects.toThrow('no sockets');
  noSockets.close();
  expect(await links()).toEqual(['lo']);
  const noLinks = kernel.fail(() => true, 'no links');
  await expect(transactions.apply([add(bridge), add(resolver)])).rejects.toThrow('no links');
  noLinks.close();
  expect(held()).toEqual([]);
});

test('links are made while many ports are bound, rules when all are; one that is taken leaves neither', async () => {
  const { kernel, sockets, transactions, links } = world();
  const ports = Array.from({ length: 20 }, (_, index) => add({ ...listener, port: 81 + index }));
  const chain: Desired = { kind: 'chain', family: 'ip', table: 'filter', name: 'OURS', ...REASON };
  const seen: unknown[] = [];
  const apply = kernel.apply.bind(kernel);
  kernel.apply = async (steps) => {
    seen.push(
      steps.map(({ op, object }) => `${op} ${object.kind}`),
      sockets.held().length,
    );
    return apply(steps);
  };
  await transactions.apply([...ports, add(bridge), add(chain)]);
  expect(seen).toEqual([['add link'], 0, ['add chain'], 20]);
  await transactions.apply([...ports, add(bridge), add(chain)].map(({ object }) => ({ op: 'remove', object })));
  seen.length = 0;
  sockets.occupy({ protocol: 'tcp', address: '0.0.0.0', port: 100 });
  const refused = transactions.apply([...ports, add(bridge), add(chain)]);
  await expect(refused).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(seen).toEqual([['add link'], 0, ['remove link'], 0]);
  expect(await links()).toEqual(['lo']);
  expect(sockets.held()).toEqual([]);
});

test('what cannot be taken back is told with what had failed', async () => {
  const { kernel, sockets, transactions } = world();
  sockets.fail(() => true, 'no sockets');
  kernel.fail(({ op }) => op === 'remove', 'it stays');
  await expect(transactions.apply([add(bridge), add(listener)])).rejects.toMatchObject({
    message: expect.stringMatching(/no sockets.*taking it back failed too: .*it stays/),
    errors: [{ message: expect.stringContaining('no sockets') }, { message: expect.stringContaining('it stays') }],
  });
});
