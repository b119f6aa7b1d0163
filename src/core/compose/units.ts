/** Sizes and times as compose files and the docker command line write them. */
import type { Decoder } from './cursor.ts';

const EXPONENT: Readonly<Record<string, number>> = { '': 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** `64m`, `1.5gb`, `1024`: in bytes, units are powers of 1024. Undefined if it is no size. */
export function parseSize(size: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?)\s*(?:([kmgtp])(?:i?b)?|(b))?$/.exec(size.trim().toLowerCase());
  if (!parts) return undefined;
  const bytes = Math.floor(Number(parts[1]) * 1024 ** EXPONENT[parts[2] ?? '']!);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** `1m30s`, `250ms`, `1.5h`: in nanoseconds. Undefined if it is no time. */
export function parseDuration(duration: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(duration)) return undefined;
  let total = 0;
  for (const [, amount, unit] of duration.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(amount) * NANOSECONDS[unit!]!;
  return Math.round(total);
}

/** Nanoseconds. */
export const duration: Decoder<number> = (cursor) => {
  const { value } = cursor;
  if (value.kind !== 'scalar') return cursor.wrongType('a duration', '"1m30s"');
  const nanoseconds = typeof value.value === 'number' ? value.value : parseDuration(value.text);
  return nanoseconds ?? cursor.fail(`${cursor.option} is invalid: "${value.text}" is not a duration`, '"1m30s"');
};

/** Bytes. */
export const size: Decoder<number> = (cursor) => {
  const { value } = cursor;
  if (value.kind !== 'scalar') return cursor.wrongType('a number, or a string', '"64m"');
  if (value.value === -1 || value.text === '-1') return -1;
  return parseSize(value.text) ?? cursor.fail(`${cursor.option} is invalid: "${value.text}" is not a size`, '"64m"');
};
