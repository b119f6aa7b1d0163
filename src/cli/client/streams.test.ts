import { once } from 'node:events';
import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { frames } from './multiplex.ts';
import { Detachable } from './terminal.ts';

function encode(stream: 'stdout' | 'stderr', data: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream === 'stderr' ? 2 : 1;
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}

/** Cuts `data` at these fractions of its length. */
function cut(data: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...at.map((part) => Math.floor(part * data.length)).sort((a, b) => a - b), data.length];
  return places.slice(1).map((end, index) => data.subarray(places[index], end));
}

test('frames come out as they went in, wherever the stream is cut', async () => {
  const frame = fc.record({
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    data: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  });
  const part = fc.double({ min: 0, max: 1, noNaN: true });
  await fc.assert(
    fc.asyncProperty(fc.array(frame), fc.array(part), async (sent, at) => {
      const stream = Buffer.concat(sent.map(({ stream, data }) => encode(stream, data)));
      const received = [];
      for await (const each of frames(Readable.from(cut(stream, at)))) received.push(each);
      expect(received).toEqual(sent);
    }),
  );
});

async function type(keys: readonly string[]): Promise<{ passed: string; detached: boolean }> {
  const stream = new Detachable();
  let passed = '';
  stream.on('data', (chunk: Buffer) => (passed += chunk.toString('latin1')));
  for (const key of keys) stream.write(Buffer.from(key, 'latin1'));
  stream.end();
  await once(stream, 'end');
  return { passed, detached: stream.detached };
}

test.each([
  // Keys, in the pieces in which they come; what the container gets; whether the user left.
  [['abc'], 'abc', false],
  [['a\x10\x11b'], 'a', true],
  [['\x10', '\x11'], '', true],
  [['\x10a'], '\x10a', false],
  [['\x10\x10\x11'], '\x10', true],
  [['\x10'], '\x10', false],
  [['\x11'], '\x11', false],
  [['\xe9\x10', 'x'], '\xe9\x10x', false],
])('of %j the container gets %j', async (keys, passed, detached) => {
  expect(await type(keys)).toEqual({ passed, detached });
});
