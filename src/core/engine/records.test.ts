import { expect, test } from 'vitest';
import { network } from '../firewall/records.fixture.ts';
import { entries, Ledger } from './records.ts';

const names = (rows: Iterable<{ readonly name: string }>): string[] => [...rows].map(({ name }) => name);

function ledgerOf(...records: readonly ReturnType<typeof network>[]): Ledger {
  return new Ledger({
    records: new Map([['network', new Map(records.map((record) => [record.id, record]))]]),
    pending: [],
  });
}

test('a draft shows the next state, and the ledger the present one until it is committed', () => {
  const [a, b, c] = [network('a', 1), network('b', 2), network('c', 3)];
  const ledger = ledgerOf(a, b);
  const { version } = ledger;
  const draft = ledger.draft();
  draft.network.put({ ...a, name: 'renamed' });
  draft.network.delete(b.id);
  draft.network.put(c);
  expect(names(draft.network.values())).toEqual(['renamed', 'c']);
  expect(names(draft.network.where('name', 'renamed'))).toEqual(['renamed']);
  expect(draft.network.where('name', 'a')).toEqual([]);
  expect(draft.network.get(b.id)).toBeUndefined();
  expect(names(ledger.network.values())).toEqual(['a', 'b']);
  expect(ledger.version).toBe(version);

  ledger.commit(draft);
  expect(ledger.version).toBeGreaterThan(version);
  expect(names(ledger.network.values())).toEqual(['renamed', 'c']);
  expect(names(ledger.network.where('name', 'renamed'))).toEqual(['renamed']);
  expect(ledger.network.where('name', 'a')).toEqual([]);
  expect(ledger.network.where('name', 'b')).toEqual([]);
});

test('what was put and deleted again in one draft is gone', () => {
  const a = network('a', 1);
  const ledger = ledgerOf();
  const draft = ledger.draft();
  draft.network.put(a);
  draft.network.delete(a.id);
  expect(names(draft.network.values())).toEqual([]);
  ledger.commit(draft);
  expect(names(ledger.network.values())).toEqual([]);
});

test('the store gets whole records, and the ids of those that go', () => {
  const [a, b] = [network('a', 1), network('b', 2)];
  const draft = ledgerOf(a).draft();
  draft.network.delete(a.id);
  draft.network.put(b);
  expect(entries(draft)).toEqual([
    { op: 'delete', kind: 'network', id: a.id },
    { op: 'put', kind: 'network', id: b.id, value: b },
  ]);
});
