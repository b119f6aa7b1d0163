/** The journal when its process is killed, and when its disk is full. */
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JournalStore } from '../../src/daemon/store/journal-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'g-store-'));
const writer = join(folder, 'writer.mjs');

/** Writes without end, eight at a time, and tells each number that is durable. */
const WRITER = `
  import { JournalStore } from ${JSON.stringify(join(import.meta.dirname, '../../src/daemon/store/journal-store.ts'))};
  const [path, from] = process.argv.slice(2);
  const store = new JournalStore(path, { warn: (message) => process.send(message), boot: '', compactFrom: 20_000 });
  await store.load();
  let next = Number(from);
  const write = async () => {
    for (;;) {
      const n = next++;
      const entries = [{ op: 'put', kind: 'n', id: String(n % 50), value: { n, filling: 'x'.repeat(n % 300) } }];
      await store.commit(await store.begin({ n }, entries));
      process.send(n);
    }
  };
  for (let n = 0; n < 8; n++) void write();
`;

beforeAll(async () => {
  await build({
    stdin: { contents: WRITER, resolveDir: folder },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: writer,
    logLevel: 'error',
  });
});

afterAll(() => rmSync(folder, { recursive: true }));

test('killed at any time, it holds all that was said to be durable', async () => {
  const path = join(folder, 'killed', 'journal');
  let next = 0;
  for (let round = 0; round < 12; round++) {
    const durable = new Map<number, number>();
    const child: ChildProcess = fork(writer, [path, String(next)]);
    child.on('message', (message) => {
      if (typeof message === 'number') durable.set(message % 50, Math.max(message, durable.get(message % 50) ?? 0));
    });
    await once(child, 'message');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
    child.kill('SIGKILL');
    await once(child, 'close');

    const store = new JournalStore(path, { warn: () => {}, boot: '' });
    const { records, pending } = await store.load();
    const numbers = records.get('n') as ReadonlyMap<string, { n: number }>;
    for (const [id, n] of durable) expect(numbers.get(String(id))?.n).toBeGreaterThanOrEqual(n);
    expect(pending.length).toBeLessThanOrEqual(16);
    next = Math.max(...[...numbers.values()].map(({ n }) => n), ...(pending as { n: number }[]).map(({ n }) => n)) + 1;
    await store.settle();
    await store.close();
  }
}, 30_000);

test('a full disk refuses the change that does not fit, keeps the others, and recovers', async () => {
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
  try {
    const path = join(disk, 'journal');
    const warnings: string[] = [];
    const store = new JournalStore(path, { warn: (message) => warnings.push(message), boot: '', compactFrom: 30_000 });
    await store.load();
    const put = (id: string, size: number) => store.write([{ op: 'put', kind: 'n', id, value: 'x'.repeat(size) }]);
    await put('a', 10_000);
    await put('b', 100);
    await expect(put('c', 100_000)).rejects.toThrow(/journal: cannot be written: ENOSPC/);
    await put('d', 25_000);
    // Two of these files do not fit beside each other: compacting waits for better times.
    expect(warnings).toEqual([expect.stringContaining('could not be compacted')]);
    await put('d', 0);
    await store.close();

    const again = new JournalStore(path, { warn: (message) => warnings.push(message), boot: '', compactFrom: 30_000 });
    const { records } = await again.load();
    expect([...records.get('n')!.keys()]).toEqual(['a', 'b', 'd']);
    await again.close();
    expect(warnings).toHaveLength(1);
  } finally {
    execFileSync('umount', [disk]);
  }
});
