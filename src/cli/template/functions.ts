/** The functions of Go's templates and docker's own. */
import { TemplateError } from './syntax.ts';
import { isMap, isTrue, print, toJson } from './value.ts';

export type TemplateFunction = (...values: unknown[]) => unknown;

/** A result longer than this is a mistake: nobody pads to a million columns. */
const LONGEST = 1_000_000;

function asText(value: unknown): string {
  if (typeof value !== 'string') throw new TemplateError(`wrong type for value; expected string; got ${typeof value}`);
  return value;
}

function asNumber(value: unknown): number {
  if (typeof value !== 'number') throw new TemplateError(`wrong type for value; expected int; got ${typeof value}`);
  return value;
}

function asArray(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TemplateError(`wrong type for value; expected []string; got ${typeof value}`);
  return value as readonly unknown[];
}

function length(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isMap(value)) return Object.keys(value).length;
  throw new TemplateError(`error calling len: len of type ${typeof value}`);
}

function index(value: unknown, ...keys: unknown[]): unknown {
  return keys.reduce((inside, key) => {
    if (Array.isArray(inside)) {
      const at = asNumber(key);
      if (!Number.isInteger(at) || at < 0 || at >= inside.length)
        throw new TemplateError(`error calling index: index out of range: ${at}`);
      return inside[at] as unknown;
    }
    if (isMap(inside)) return Object.hasOwn(inside, asText(key)) ? inside[asText(key)] : '';
    if (inside === null || inside === undefined) throw new TemplateError('error calling index: index of untyped nil');
    throw new TemplateError(`error calling index: can't index item of type ${typeof inside}`);
  }, value);
}

function slice(value: unknown, from: unknown = 0, to?: unknown): unknown {
  const whole = Array.isArray(value) ? (value as readonly unknown[]) : asText(value);
  const end = to === undefined ? whole.length : asNumber(to);
  const start = asNumber(from);
  if (start < 0 || end > whole.length || start > end)
    throw new TemplateError('error calling slice: index out of range');
  return whole.slice(start, end);
}

function compare(a: unknown, b: unknown): number {
  if (typeof a !== typeof b || (typeof a !== 'number' && typeof a !== 'string'))
    throw new TemplateError('incompatible types for comparison');
  return a === b ? 0 : (a as string) < (b as string) ? -1 : 1;
}

function equal(first: unknown, ...others: unknown[]): boolean {
  if (others.length === 0) throw new TemplateError('error calling eq: missing argument for comparison');
  return others.some((other) => {
    if (typeof first === 'object' && first !== null && typeof other === 'object' && other !== null)
      throw new TemplateError('error calling eq: non-comparable type');
    return (first ?? null) === (other ?? null);
  });
}

function pad(value: unknown, before: unknown, after: unknown): string {
  const text = asText(value);
  const spaces = [asNumber(before), asNumber(after)];
  if (text === '') return text;
  if (spaces.some((count) => !(count >= 0 && count <= LONGEST)))
    throw new TemplateError('error calling pad: out of range');
  return ' '.repeat(spaces[0]!) + text + ' '.repeat(spaces[1]!);
}

const VERB = /%([-+# 0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g;

/** `%s %v %d %q %t %x %f %%` with flags, width and precision. */
function printf(format: unknown, ...values: unknown[]): string {
  let next = 0;
  const text = asText(format).replaceAll(
    VERB,
    (all, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const shown = formatVerb(verb, values[next++], precision) ?? `%!${verb}(${print(values[next - 1])})`;
      const columns = Number(width);
      if (columns > LONGEST) throw new TemplateError(`error calling printf: ${all} is too wide`);
      if (flags.includes('-')) return shown.padEnd(columns);
      return shown.padStart(columns, flags.includes('0') ? '0' : ' ');
    },
  );
  if (next >= values.length) return text;
  return `${text}%!(EXTRA ${values
    .slice(next)
    .map((value) => `${typeof value}=${print(value)}`)
    .join(', ')})`;
}

function formatVerb(verb: string, value: unknown, precision: string | undefined): string | undefined {
  switch (verb) {
    case 'v':
      return print(value);
    case 's':
      return precision === undefined ? print(value) : Array.from(print(value)).slice(0, Number(precision)).join('');
    case 'q':
      return JSON.stringify(print(value));
    case 'd':
      return typeof value === 'number' ? String(Math.trunc(value)) : undefined;
    case 'f':
      return typeof value === 'number' ? value.toFixed(Math.min(Number(precision ?? 6), 100)) : undefined;
    case 't':
      return typeof value === 'boolean' ? String(value) : undefined;
    case 'x':
      if (typeof value === 'number') return Math.trunc(value).toString(16);
      return typeof value === 'string' ? Buffer.from(value).toString('hex') : undefined;
    default:
      return undefined;
  }
}

/** Between operands that are both no strings, a space, as Go's Sprint does. */
function sprint(...values: unknown[]): string {
  return values
    .map(
      (value, at) =>
        (at > 0 && typeof value !== 'string' && typeof values[at - 1] !== 'string' ? ' ' : '') + print(value),
    )
    .join('');
}

/** The first value that decides, else the last. */
function firstOr(decides: (value: unknown) => boolean): TemplateFunction {
  return (...values) => {
    const at = values.findIndex(decides);
    return at < 0 ? values.at(-1) : values[at];
  };
}

export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  and: firstOr((value) => !isTrue(value)),
  or: firstOr(isTrue),
  not: (value) => !isTrue(value),
  len: length,
  index,
  slice,
  eq: equal,
  ne: (a, b) => !equal(a, b),
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  print: sprint,
  println: (...values) => `${values.map(print).join(' ')}\n`,
  printf,
  json: toJson,
  split: (value, separator) => asText(value).split(asText(separator)),
  join: (values, separator) => asArray(values).map(print).join(asText(separator)),
  lower: (value) => asText(value).toLowerCase(),
  upper: (value) => asText(value).toUpperCase(),
  title: (value) => asText(value).replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase()),
  pad,
  truncate: (value, most) =>
    Array.from(asText(value))
      .slice(0, Math.max(0, asNumber(most)))
      .join(''),
};
