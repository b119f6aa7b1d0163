import { expect, test } from 'vitest';
import { DEFAULT_SOURCES, parseSource, uniqueLocalSource } from './sources.ts';

test.each([
  ['10.0.0.0', 24, 'invalid base pool "10.0.0.0"'],
  ['10.0.0.1/8', 24, 'invalid base pool "10.0.0.1/8"'],
  ['10.0.0.0/8', 7, 'invalid pools size: 7'],
  ['10.0.0.0/8', 33, 'invalid pools size: 33'],
  ['10.0.0.0/8', 24.5, 'invalid pools size: 24.5'],
  ['fd00::/8', 129, 'invalid pools size: 129'],
])('%s in /%s is refused', (base, size, text) => {
  expect(() => parseSource({ base, size })).toThrow(text);
});

test('the default sources are sound', () => {
  for (const source of DEFAULT_SOURCES) expect(parseSource(source).size).toBe(source.size);
});

test('a host has its own unique local block', () => {
  expect(uniqueLocalSource('0123456789')).toEqual({ base: 'fd01:2345:6789::/48', size: 64 });
  expect(parseSource(uniqueLocalSource('0000000000')).base.length).toBe(48);
});
