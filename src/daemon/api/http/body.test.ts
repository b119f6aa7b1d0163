import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readJson, readOptionalJson } from './body.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const call = (body: Readable, headers = JSON_TYPE) => ({ body, headers });

test('a body that comes in parts, cut within a letter, is read as a whole', async () => {
  const bytes = Buffer.from('{"Name":"é"}');
  const parts = [bytes.subarray(0, 10), bytes.subarray(10)];
  expect(await readJson(call(Readable.from(parts)))).toEqual({ Name: 'é' });
});

test('none is none where it may be missing, and refused elsewhere', async () => {
  expect(await readOptionalJson(call(Readable.from([])))).toBeUndefined();
  await expect(readJson(call(Readable.from([])))).rejects.toThrow('got EOF while reading request body');
});

test('one of more than 16 MB is refused before it has come', async () => {
  const body = new PassThrough();
  const refused = expect(readJson(call(body))).rejects.toThrow('request body is larger than 16777216 bytes');
  const chunk = Buffer.alloc(1 << 20, ' ');
  for (let count = 0; count <= 16; count++) body.write(chunk);
  await refused;
});

test('one that breaks off is refused', async () => {
  const body = new PassThrough();
  const refused = expect(readJson(call(body))).rejects.toThrow('unexpected EOF');
  body.write('{"Name":');
  body.destroy();
  await refused;
});
