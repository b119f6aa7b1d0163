import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat, cString, pack, readCString, u16, u32 } from '../bytes.ts';
import { type Attribute, decodeAttributes, decodeNested, encodeAttributes } from './attribute.ts';

const type = fc.integer({ min: 1, max: 0x3fff });
const leaf = fc.tuple(type, fc.uint8Array({ maxLength: 9 }));

test('attributes are read as they were written, at whatever length', () => {
  fc.assert(
    fc.property(fc.uniqueArray(leaf, { selector: ([type]) => type }), (attributes) => {
      const bytes = encodeAttributes(attributes);
      expect(bytes.length % 4).toBe(0);
      expect([...decodeAttributes(bytes)]).toEqual(attributes);
    }),
  );
});

test('the layout is length, type, value, padding; nested ones are marked', () => {
  const nested: Attribute = [2, [[1, cString('br')]]];
  expect(encodeAttributes([nested])).toEqual(
    concat([pack([12, 'u16'], [0x8002, 'u16'], [7, 'u16'], [1, 'u16']), cString('br'), new Uint8Array(1)]),
  );
  expect(readCString(decodeNested(decodeAttributes(encodeAttributes([nested])), 2).get(1)!)).toBe('br');
  expect(decodeNested(new Map(), 2).size).toBe(0);
});

test('bytes that are no attributes end the reading', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void decodeAttributes(bytes)));
  expect(decodeAttributes(concat([u16(3), u16(1), u32(0)])).size).toBe(0);
  expect(decodeAttributes(concat([u16(64), u16(1), u32(0)])).size).toBe(0);
});
