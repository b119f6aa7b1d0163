import { expect, test } from 'vitest';
import { reporting } from './progress.ts';

const tick = () => new Promise((resolve) => setImmediate(resolve));

test('messages come in their order, also those from before anyone read', async () => {
  const seen: unknown[] = [];
  const work = reporting(async (report) => {
    report({ status: 'a' });
    report({ status: 'b' });
    await tick();
    report({ status: 'c' });
  });
  for await (const { status } of work) seen.push(status);
  expect(seen).toEqual(['a', 'b', 'c']);
});

test('a failure comes after the messages', async () => {
  const seen: unknown[] = [];
  const failing = async () => {
    for await (const { status } of reporting(async (report) => {
      report({ status: 'a' });
      throw new Error('no');
    }))
      seen.push(status);
  };
  await expect(failing()).rejects.toThrow('no');
  expect(seen).toEqual(['a']);
});

test('who stops reading ends the work, and it has ended when he goes on', async () => {
  let ended = false;
  for await (const _ of reporting(async (report, signal) => {
    report({ status: 'a' });
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await tick();
    ended = true;
  }))
    break;
  expect(ended).toBe(true);
});
