/** What every store must do. */
import { describe, expect, test } from 'vitest';
import type { Store, StoreEntry } from './store.ts';

const put = (kind: string, id: string, value: unknown): StoreEntry => ({ op: 'put', kind, id, value });
const remove = (kind: string, id: string): StoreEntry => ({ op: 'delete', kind, id });

async function contents(store: Store): Promise<{ records: Record<string, unknown>; pending: readonly unknown[] }> {
  const { records, pending } = await store.load();
  return {
    records: Object.fromEntries([...records].map(([kind, byId]) => [kind, Object.fromEntries(byId)])),
    pending,
  };
}

/** `restart` closes a store and opens what it left behind. */
export function storeContract(name: string, make: () => Promise<Store>, restart: (store: Store) => Promise<Store>) {
  describe(name, () => {
    test('a new store is empty', async () => {
      const store = await make();
      expect(await contents(store)).toEqual({ records: {}, pending: [] });
      await store.close();
    });

    test('what was written is there after a restart; the last write of a record counts', async () => {
      let store = await make();
      await store.load();
      await store.write([put('network', 'n1', { name: 'a' }), put('network', 'n2', { name: 'b' })]);
      await store.write([put('network', 'n1', { name: 'c' }), put('endpoint', 'n1', [1, null, 'é\n\u2028'])]);
      await store.write([remove('network', 'n2'), remove('network', 'never'), remove('never', 'n1')]);
      store = await restart(store);
      expect(await contents(store)).toEqual({
        records: { network: { n1: { name: 'c' } }, endpoint: { n1: [1, null, 'é\n\u2028'] } },
        pending: [],
      });
      await store.close();
    });

    test('a record keeps what it was when it was written', async () => {
      let store = await make();
      await store.load();
      const value = { name: 'before' };
      await store.write([put('network', 'n', value)]);
      value.name = 'after';
      store = await restart(store);
      expect((await contents(store)).records).toEqual({ network: { n: { name: 'before' } } });
      await store.close();
    });

    test('an intent is pending until it is committed or aborted', async () => {
      let store = await make();
      await store.load();
      const first = await store.begin('first', [put('network', 'n', 1)]);
      const second = await store.begin('second', [put('network', 'n', 2)]);
      await store.begin({ n: 3 }, [put('network', 'n', 3)]);
      await store.commit(first);
      await store.abort(second);
      store = await restart(store);
      expect(await contents(store)).toEqual({ records: { network: { n: 1 } }, pending: [{ n: 3 }] });
      await store.close();
    });

    test('what was found pending stays so until it is settled, and new intents are not settled with it', async () => {
      let store = await make();
      await store.load();
      await store.begin('old');
      store = await restart(store);
      expect((await contents(store)).pending).toEqual(['old']);
      await store.begin('new');
      await store.settle();
      store = await restart(store);
      expect((await contents(store)).pending).toEqual(['new']);
      await store.close();
    });

    test('an intent begun after a restart is not mixed up with one from before', async () => {
      let store = await make();
      await store.load();
      await store.begin('old');
      store = await restart(store);
      await store.load();
      await store.commit(await store.begin('new'));
      store = await restart(store);
      expect((await contents(store)).pending).toEqual(['old']);
      await store.close();
    });

    test('concurrent writes all arrive', async () => {
      let store = await make();
      await store.load();
      await Promise.all(Array.from({ length: 100 }, (_, n) => store.write([put('network', String(n), n)])));
      store = await restart(store);
      expect(Object.keys((await contents(store)).records['network'] as object)).toHaveLength(100);
      await store.close();
    });
  });
}
