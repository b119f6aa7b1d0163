import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { normalTime, rfc3339 } from './time.ts';

test('nanoseconds keep their nine digits', () => {
  expect(rfc3339(1_574_529_516_467_168_945n)).toBe('2019-11-23T17:18:36.467168945Z');
  expect(rfc3339(0n)).toBe('1970-01-01T00:00:00.000000000Z');
});

test.each([
  ['2019-11-23T17:18:36Z', '2019-11-23T17:18:36.000000000Z'],
  ['2019-11-23T19:18:36.5+02:00', '2019-11-23T17:18:36.500000000Z'],
  ['2019-11-23T17:18:36.467168945Z', '2019-11-23T17:18:36.467168945Z'],
])('%s is %s', (time, normal) => expect(normalTime(time)).toBe(normal));

test('times sort as strings', () => {
  const nanoseconds = fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n });
  fc.assert(fc.property(nanoseconds, nanoseconds, (one, other) => rfc3339(one) < rfc3339(other) === one < other));
});
