import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OutputChunk } from '../../../core/engine/runtime.ts';
import { LogParser } from './line.ts';
import { readLog } from './read.ts';
import { tailStart } from './tail.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'log-'));
});
afterAll(() => rm(directory, { recursive: true }));

interface Piece {
  readonly stream: 'stdout' | 'stderr';
  readonly text: Uint8Array;
  readonly full: boolean;
}

/** As conmon writes it: one piece is at most 8 KiB and holds no newline but its last byte. */
function log(pieces: readonly Piece[]): Buffer {
  return Buffer.concat(
    pieces.flatMap(({ stream, text, full }, index) => {
      const time = `2026-11-23T04:57:02.${String(index).padStart(9, '0')}+00:00`;
      return [Buffer.from(`${time} ${stream} ${full ? 'F' : 'P'} `), text, Buffer.from('\n')];
    }),
  );
}

const outputOf = (pieces: readonly Piece[]): Buffer =>
  Buffer.concat(pieces.flatMap(({ text, full }) => [text, Buffer.from(full ? '\n' : '')]));
const bytesOf = (chunks: readonly OutputChunk[]): Buffer => Buffer.concat(chunks.map(({ data }) => data));

const piece = fc.record({
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  text: fc.uint8Array({ maxLength: 60 }).map((bytes) => bytes.filter((byte) => byte !== 10)),
  full: fc.boolean(),
});

test('every byte comes back, however the log is cut into blocks', () => {
  fc.assert(
    fc.property(fc.array(piece), fc.array(fc.nat(400)), (pieces, cuts) => {
      const parser = new LogParser();
      const chunks: OutputChunk[] = [];
      let rest = log(pieces);
      for (const cut of cuts) {
        chunks.push(...parser.push(rest.subarray(0, cut)));
        rest = rest.subarray(cut);
      }
      chunks.push(...parser.push(rest));
      expect(bytesOf(chunks).equals(outputOf(pieces))).toBe(true);
      expect(chunks.map(({ stream }) => stream)).toEqual(pieces.map(({ stream }) => stream));
    }),
  );
});

test('the last lines are found from the end, over any number of blocks', async () => {
  const path = join(directory, 'tail');
  const long = fc.record({
    stream: fc.constant('stdout' as const),
    text: fc.constant(Buffer.alloc(8000, 'x')),
    full: fc.boolean(),
  });
  const pieces = fc.array(fc.oneof(piece, long), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.nat(20), async (written, count) => {
      const content = log(written);
      await writeFile(path, content);
      const file = await open(path, 'r');
      const start = await tailStart(file, content.length, count);
      await file.close();
      // A line ends where it says so, and where the log ends.
      const ends = written.flatMap(({ full }, index) => (full || index === written.length - 1 ? [index + 1] : []));
      const first = count === 0 ? written.length : (ends.at(-count - 1) ?? 0);
      expect(bytesOf(new LogParser().push(content.subarray(start))).equals(outputOf(written.slice(first)))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('a line whose monitor was killed while it wrote is left out', async () => {
  const path = join(directory, 'broken');
  const line = { stream: 'stdout', text: Buffer.from('whole'), full: true } as const;
  await writeFile(
    path,
    Buffer.concat([log([line]), Buffer.from('2026-11-23T04:5\n'), log([line]), Buffer.from('2026-')]),
  );
  const query = { stdout: true, stderr: true, follow: false };
  const chunks: OutputChunk[] = [];
  for await (const chunk of readLog(path, { query, ended: undefined })) chunks.push(chunk);
  expect(bytesOf(chunks).toString()).toBe('whole\nwhole\n');
});

test('a log that is written while it is followed comes whole and once', async () => {
  const path = join(directory, 'growing');
  await writeFile(path, '');
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  const query = { stdout: true, stderr: true, follow: true };
  const reading = (async () => {
    const chunks: OutputChunk[] = [];
    for await (const chunk of readLog(path, { query, ended })) chunks.push(chunk);
    return bytesOf(chunks);
  })();
  const written: Piece[] = [];
  const file = await open(path, 'a');
  for (let index = 0; index < 300; index++) {
    const next = { stream: 'stdout', text: Buffer.from(`${index}`), full: index % 3 > 0 } as const;
    written.push(next);
    const line = log([next]);
    // Now and then in two halves, as a reader may find a line that is just being written.
    await file.write(line.subarray(0, index % 40));
    await file.write(line.subarray(index % 40));
  }
  await file.close();
  end();
  expect(await reading).toEqual(outputOf(written));
});
