import {
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  existsSync,
  mkdirSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { MemoryStore } from '../../core/engine/memory-store.ts';
import { storeContract } from '../../core/engine/store.contract.ts';
import type { Store, StoreContents, StoreEntry } from '../../core/engine/store.ts';
import { JournalError, JournalStore } from './journal-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'passerelle-journal-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
const newPath = (): string => join(folder, String(++count), 'journal');
const warnings: string[] = [];
const open = (path: string, compactFrom?: number, boot = 'first'): JournalStore =>
  new JournalStore(path, {
    warn: (message) => warnings.push(message),
    boot,
    ...(compactFrom === undefined ? {} : { compactFrom }),
  });

for (const [name, compactFrom] of [
  ['journal store', undefined],
  ['journal store that compacts at every turn', 0],
] as const) {
  const paths = new WeakMap<Store, string>();
  const start = async (path: string): Promise<Store> => {
    const store = open(path, compactFrom);
    paths.set(store, path);
    return store;
  };
  storeContract(
    name,
    () => start(newPath()),
    async (store) => {
      await store.close();
      return start(paths.get(store)!);
    },
  );
}

const put = (id: string, value: unknown): StoreEntry => ({ op: 'put', kind: 'network', id, value });

/** A journal of four notes: two writes, a pending intent, a committed one. */
async function sample(): Promise<string> {
  const path = newPath();
  const store = open(path);
  await store.load();
  await store.write([put('a', { name: 'first' })]);
  await store.write([put('b', { name: 'deuxième' }), put('c', 1)]);
  await store.begin({ steps: [1, 2] });
  await store.commit(await store.begin('other', [{ op: 'delete', kind: 'network', id: 'a' }]));
  await store.close();
  return path;
}

async function loaded(path: string): Promise<StoreContents> {
  const store = open(path);
  const contents = await store.load();
  await store.close();
  return contents;
}

const file = (bytes: Uint8Array): string => {
  const path = newPath();
  mkdirSync(join(path, '..'));
  writeFileSync(path, bytes);
  return path;
};

describe('a journal that ends at any byte', () => {
  test('holds the whole lines before it, and can be written again', async () => {
    const bytes = readFileSync(await sample());
    const lines = bytes.toString().split('\n').slice(0, -1);
    for (let length = 0; length <= bytes.length; length++) {
      const path = file(bytes.subarray(0, length));
      const store = open(path);
      const { records, pending } = await store.load();
      const whole = bytes.subarray(0, length).toString('latin1').split('\n').length - 1;
      const names = [...(records.get('network')?.keys() ?? [])].join('');
      expect([whole, names], `cut after ${length} bytes`).toEqual([
        whole,
        ['', '', '', 'a', 'abc', 'abc', 'abc', 'bc'][whole],
      ]);
      expect(pending.length).toBe([0, 0, 0, 0, 0, 1, 2, 1][whole]);
      await store.write([put('z', length)]);
      await store.close();
      expect((await loaded(path)).records.get('network')?.get('z')).toBe(length);
    }
    expect(lines).toHaveLength(7);
  });

  test('says what it discards', async () => {
    const path = await sample();
    truncateSync(path, statSync(path).size - 1);
    warnings.length = 0;
    await loaded(path);
    expect(warnings).toEqual([expect.stringMatching(/journal: discarded the last \d+ bytes/)]);
  });

  test('also when the disk left zeros or rubbish behind the last write', async () => {
    for (const rubbish of [Buffer.alloc(5000), Buffer.from('{"a":1}\n'), Buffer.from('\n\n')]) {
      const bytes = readFileSync(await sample());
      const { records } = await loaded(file(Buffer.concat([bytes, rubbish])));
      expect(records.get('network')?.size).toBe(2);
    }
  });

  test('a journal that is only the beginning of its first line begins anew', async () => {
    expect((await loaded(file(Buffer.from('0123')))).records.size).toBe(0);
  });
});

describe('a journal that is damaged', () => {
  test('in any line but the last is refused, naming file and line', async () => {
    const bytes = readFileSync(await sample());
    const lastLine = bytes.lastIndexOf('\n', -2) + 1;
    for (let at = 0; at < lastLine; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x01;
      // A newline turned into something else joins two lines: the first of them is the one named.
      const line = bytes.subarray(0, at).toString('latin1').split('\n').length;
      const path = file(damaged);
      const isEndOfTheLastButOne = at === lastLine - 1;
      if (isEndOfTheLastButOne) continue;
      await expect(loaded(path), `byte ${at}`).rejects.toThrow(`${path}: line ${line} is damaged`);
      expect(readFileSync(path).equals(damaged)).toBe(true);
    }
  });

  test('of another version is refused and left as it is', async () => {
    const path = await sample();
    const [, ...rest] = readFileSync(path, 'utf8').split('\n');
    const { encodeLine } = await import('./line.ts');
    writeFileSync(path, encodeLine({ journal: 1 }) + rest.join('\n'));
    await expect(loaded(path)).rejects.toThrow(JournalError);
    await expect(loaded(path)).rejects.toThrow('another version');
  });
});

describe('compaction', () => {
  test('keeps records and pending intents, and the file small', async () => {
    const path = newPath();
    const store = open(path, 4096);
    await store.load();
    await store.begin('pending');
    for (let n = 0; n < 300; n++) await store.write([put(String(n % 3), { n, text: 'x'.repeat(100) })]);
    await Promise.all(Array.from({ length: 300 }, (_, n) => store.write([put(String(n % 3), { n })])));
    await store.close();
    expect(statSync(path).size).toBeLessThan(40_000);
    expect(existsSync(`${path}.new`)).toBe(false);
    const { records, pending } = await loaded(path);
    expect([...records.get('network')!.values()]).toEqual([{ n: 297 }, { n: 298 }, { n: 299 }]);
    expect(pending).toEqual(['pending']);
  });

  test('that died on the way leaves nothing behind', async () => {
    const path = await sample();
    writeFileSync(`${path}.new`, 'half');
    expect((await loaded(path)).records.get('network')?.size).toBe(2);
    expect(existsSync(`${path}.new`)).toBe(false);
  });
});

describe('after a power cut', () => {
  const names = async (path: string, boot: string) => {
    const store = open(path, undefined, boot);
    const { records, pending } = await store.load();
    await store.close();
    return { names: [...(records.get('network')?.keys() ?? [])], pending };
  };

  test.each([undefined, 0])('what was begun is done, and what was refused is not (compact from %s)', async (from) => {
    const path = newPath();
    const store = open(path, from);
    await store.load();
    await store.commit(await store.begin('done', [put('done', 1)]));
    await store.abort(await store.begin('refused', [put('refused', 1)]));
    await store.begin('under way', [put('under way', 1)]);
    await store.begin('of no records');
    await store.close();
    // In the same boot it is the engine alone that ended, and its user was told nothing.
    expect(await names(path, 'first')).toEqual({ names: ['done'], pending: ['under way', 'of no records'] });
    expect(await names(path, 'second')).toEqual({ names: ['done', 'under way'], pending: ['of no records'] });
    expect((await names(path, 'third')).names).toEqual(['done', 'under way']);
  });

  test('an engine that was killed before has decided it', async () => {
    const path = newPath();
    const killed = open(path);
    await killed.load();
    await killed.begin('under way', [put('under way', 1)]);
    await killed.close();
    const next = open(path);
    await next.load();
    await next.settle();
    await next.close();
    expect(await names(path, 'second')).toEqual({ names: [], pending: [] });
  });
});

test('what a commit promises is on the disk, and so is what an abort withdraws', async () => {
  const path = newPath();
  const store = open(path);
  await store.load();
  const { size: before } = statSync(path);
  const intent = await store.begin('it', [put('it', 1)]);
  const begun = statSync(path).size;
  await store.commit(intent);
  expect(store.durable).toBeGreaterThanOrEqual(begun);
  expect(begun).toBeGreaterThan(before);
  await store.abort(await store.begin('it', [put('it', 2)]));
  expect(store.durable).toBe(statSync(path).size);
  await store.close();
});

test('a closed store takes nothing more', async () => {
  const store = open(newPath());
  await store.load();
  await store.close();
  await expect(store.write([put('a', 1)])).rejects.toThrow('is closed');
});

test('the journal is for its owner alone', async () => {
  expect(statSync(await sample()).mode & 0o777).toBe(0o600);
});

type Action = {
  readonly do: 'begin' | 'commit' | 'abort' | 'write' | 'delete';
  readonly id: string;
  readonly value: unknown;
};

const action: fc.Arbitrary<Action> = fc.record({
  do: fc.constantFrom('begin', 'commit', 'abort', 'write', 'delete'),
  id: fc.constantFrom('a', 'b', '__proto__', 'é'),
  value: fc.jsonValue(),
});

async function perform(store: Store, intents: number[], step: Action): Promise<void> {
  const entries: StoreEntry[] = [put(step.id, step.value)];
  if (step.do === 'begin') intents.push(await store.begin(step.value, entries));
  else if (step.do === 'commit') await store.commit(intents.shift() ?? -1);
  else if (step.do === 'abort') await store.abort(intents.shift() ?? -1);
  else if (step.do === 'write') await store.write(entries);
  else await store.write([{ op: 'delete', kind: 'network', id: step.id }]);
}

const plain = ({ records, pending }: StoreContents) => ({
  records: [...records].map(([kind, byId]) => [kind, [...byId].sort(([a], [b]) => (a < b ? -1 : 1))]),
  pending: [...pending],
});

test('whatever is done and wherever it is cut, a prefix of what was done remains, with all that was durable', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 12 }),
      fc.nat({ max: 999 }),
      fc.constantFrom(undefined, 0, 300),
      async (actions, permille, compactFrom) => {
        const path = newPath();
        const store = open(path, compactFrom);
        const model = new MemoryStore();
        await store.load();
        const intents: number[] = [];
        const modelIntents: number[] = [];
        const history = [{ size: 0, contents: plain(await model.load()), inode: statSync(path).ino }];
        const note = async () => {
          const { size, ino } = statSync(path);
          history.push({ size, contents: plain(await model.load()), inode: ino });
        };
        for (const step of actions) {
          await perform(store, intents, step);
          await perform(model, modelIntents, step);
          await note();
        }
        // A compaction that an intent began ends now.
        await store.close();
        await note();
        // Cut the file as it was last replaced: anywhere behind what it held when it was new.
        const last = history.at(-1)!;
        const other = history.findLastIndex(({ inode }) => inode !== last.inode);
        const sinceReplaced = history.slice(other + 1);
        const from = other === -1 ? 0 : sinceReplaced[0]!.size;
        const length = from + Math.floor(((last.size - from) * permille) / 999);
        truncateSync(path, length);
        const expected = sinceReplaced.findLast(({ size }) => size <= length);
        expect(plain(await loaded(path))).toEqual(expected?.contents ?? history[0]!.contents);
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);
