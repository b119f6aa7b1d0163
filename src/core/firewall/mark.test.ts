import { expect, test } from 'vitest';
import { parseMark } from './mark.ts';

test.each([
  ['1', { value: 1 }],
  ['0x1/0xff', { value: 1, mask: 255 }],
  ['0b11', { value: 3 }],
  ['0o17/017', { value: 15, mask: 15 }],
  ['4294967295', { value: 4_294_967_295 }],
])('%s is a mark', (text, mark) => expect(parseMark(text)).toEqual(mark));

test.each(['', 'x', '-1', '1/', '/1', '1/2/3', '4294967296', '0x', '1.5', '1 '])('%j is no mark', (text) =>
  expect(parseMark(text)).toBeUndefined(),
);
