import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decompressed } from './compression.ts';

async function read(chunks: Iterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of decompressed(
    (async function* () {
      yield* chunks;
    })(),
  ))
    parts.push(part);
  return Buffer.concat(parts).toString();
}

const bytewise = (content: Uint8Array): Uint8Array[] => Array.from(content, (byte) => Uint8Array.of(byte));

test('plain content passes, however it is cut', async () => {
  expect(await read([Buffer.from('hello')])).toBe('hello');
  expect(await read(bytewise(Buffer.from('hello')))).toBe('hello');
  expect(await read([])).toBe('');
});

test('gzip is undone, however it is cut', async () => {
  expect(await read([gzipSync('hello')])).toBe('hello');
  expect(await read(bytewise(gzipSync('hello')))).toBe('hello');
});

test('cut-off gzip is an error, and so is one of the source', async () => {
  await expect(read([gzipSync('hello'.repeat(99)).subarray(0, 20)])).rejects.toThrow('unexpected end of file');
  const broken = (function* () {
    yield gzipSync('hello').subarray(0, 10);
    throw new Error('connection lost');
  })();
  await expect(read(broken)).rejects.toThrow('connection lost');
});

test('what cannot be undone is named', async () => {
  await expect(read([Buffer.from('BZh91AY&SY')])).rejects.toThrow('compressed with bzip2');
});
