import { setTimeout as sleep } from 'node:timers/promises';
import { PassThrough, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { pump } from './pump.ts';

async function* counting(limit: number, given: { count: number }): AsyncGenerator<string> {
  for (given.count = 0; given.count < limit; given.count++) yield 'x'.repeat(1000);
}

test('gives everything and says that the source ended', async () => {
  const sink = new PassThrough();
  const chunks: Buffer[] = [];
  sink.on('data', (chunk: Buffer) => chunks.push(chunk));
  expect(await pump(counting(50, { count: 0 }), sink, new AbortController().signal)).toBe(true);
  expect(Buffer.concat(chunks)).toHaveLength(50_000);
});

test('does not read ahead of a reader that takes nothing', async () => {
  const given = { count: 0 };
  const controller = new AbortController();
  const stuck = new Writable({ highWaterMark: 4000, write: () => undefined });
  const pumping = pump(counting(1000, given), stuck, controller.signal);
  await sleep(20);
  expect(given.count).toBeLessThan(10);
  controller.abort();
  expect(await pumping).toBe(false);
});

test('leaves a silent source when the reader is gone', async () => {
  let left = false;
  const silent: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => undefined),
      return: () => {
        left = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  const controller = new AbortController();
  const pumping = pump(silent, new PassThrough(), controller.signal);
  controller.abort();
  expect(await pumping).toBe(false);
  expect(left).toBe(true);
});

test('passes on what the source throws', async () => {
  const failing: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('disk gone')) }),
  };
  await expect(pump(failing, new PassThrough(), new AbortController().signal)).rejects.toThrow('disk gone');
});
