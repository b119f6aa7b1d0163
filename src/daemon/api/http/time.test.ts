import { expect, test } from 'vitest';
import { readInstantOrAge } from './time.ts';

const NOW = '2026-01-01T12:00:00.000000000Z';

test.each([
  ['2h', '2026-01-01T10:00:00.000000000Z'],
  ['1h30m', '2026-01-01T10:30:00.000000000Z'],
  ['1.5s', '2026-01-01T11:59:58.000000000Z'],
  ['1ms', '2026-01-01T11:59:59.000000000Z'],
  ['1735732800', '2025-01-01T12:00:00.000000000Z'],
  ['5', '1970-01-01T00:00:05.000000000Z'],
  ['2025-06-01T00:00:00Z', '2025-06-01T00:00:00.000000000Z'],
])('until %s', (text, instant) => {
  expect(readInstantOrAge(text, NOW)).toBe(instant);
});

test.each(['', 'soon', '5x', '1h x'])('%j is none', (text) => {
  expect(() => readInstantOrAge(text, NOW)).toThrow(`failed to parse value as time or duration: "${text}"`);
});
