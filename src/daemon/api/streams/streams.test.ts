import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OutputChunk } from '../../../core/engine/runtime.ts';
import { DetachScanner, parseDetachKeys } from './detach.ts';
import { encoded, frame } from './frame.ts';
import { timestamped } from './timestamps.ts';

const chunk = (stream: 'stdout' | 'stderr', text: string, time = 'T'): OutputChunk => ({
  stream,
  data: Buffer.from(text),
  time,
});

async function* each<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

async function text(source: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const data of source) all.push(data);
  return Buffer.concat(all).toString('latin1');
}

test('a frame says its stream and its length', () => {
  expect([...frame(chunk('stdout', 'hi'))]).toEqual([1, 0, 0, 0, 0, 0, 0, 2, 0x68, 0x69]);
  expect([...frame({ stream: 'stderr', data: new Uint8Array(0x10203) })].slice(0, 8)).toEqual([2, 0, 0, 0, 0, 1, 2, 3]);
});

test("a terminal's output is bare", async () => {
  expect(await text(encoded(each(chunk('stdout', 'a'), chunk('stdout', 'b')), true))).toBe('ab');
});

test('each line gets one time, whatever pieces it comes in', async () => {
  const output = each(
    chunk('stdout', 'one\ntw', '1'),
    chunk('stderr', 'err\n', '2'),
    chunk('stdout', 'o\n', '3'),
    chunk('stdout', '\n', '4'),
  );
  expect(await text(encoded(timestamped(output), true))).toBe('1 one\n1 tw2 err\no\n4 \n');
});

test.each([
  ['', [16, 17]],
  ['ctrl-p,ctrl-q', [16, 17]],
  ['a', [97]],
  ['ctrl-@,ctrl-[,ctrl-_,z', [0, 27, 31, 122]],
])('detach keys %j', (keys, bytes) => {
  expect([...parseDetachKeys(keys)]).toEqual(bytes);
});

test.each(['ctrl-', 'ctrl-1', 'ab', 'ctrl-p,,a'])('no detach keys: %j', (keys) => {
  expect(() => parseDetachKeys(keys)).toThrow(`Invalid detach keys (${keys}) provided`);
});

test('what only looks like the keys is passed on', () => {
  const scanner = new DetachScanner(parseDetachKeys(''));
  expect(scanner.scan(Uint8Array.of(65, 16))).toEqual({ pass: Uint8Array.of(65), detached: false });
  expect(scanner.scan(Uint8Array.of(66))).toEqual({ pass: Uint8Array.of(16, 66), detached: false });
  expect(scanner.scan(Uint8Array.of(16, 16))).toEqual({ pass: Uint8Array.of(16), detached: false });
  expect(scanner.scan(Uint8Array.of(17, 67))).toEqual({ pass: new Uint8Array(), detached: true });
});

test('text without the keys arrives as it was typed, in whatever pieces', () => {
  const typed = fc.array(fc.uint8Array({ min: 15, max: 18, maxLength: 5 }), { maxLength: 6 });
  fc.assert(
    fc.property(typed, (pieces) => {
      const whole = Buffer.concat(pieces);
      const at = whole.indexOf(Uint8Array.of(16, 17));
      const scanner = new DetachScanner(parseDetachKeys(''));
      const passed: Uint8Array[] = [];
      let detached = false;
      for (const piece of pieces) {
        const result = scanner.scan(piece);
        passed.push(result.pass);
        detached ||= result.detached;
        if (detached) break;
      }
      const out = Buffer.concat(passed);
      if (at >= 0) expect([detached, out]).toEqual([true, whole.subarray(0, at)]);
      // At most one byte, a possible first key, is still held back.
      else
        expect([detached, whole.subarray(0, out.length), whole.length - out.length <= 1]).toEqual([false, out, true]);
    }),
  );
});
