/** Decoders: from a tree of located values to typed ones, with all complaints gathered. */
import type { Mapping, Position, Value } from './document.ts';
import { nearest } from './nearest.ts';
import type { Problem } from './problem.ts';

/** What is found wrong (problems) or not honoured (warnings) while a file is read. */
export interface Notes {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** One value of the file with its path. */
export class Cursor {
  readonly value: Value;
  readonly path: string;
  readonly notes: Notes;

  constructor(value: Value, path: string, notes: Notes) {
    this.value = value;
    this.path = path;
    this.notes = notes;
  }

  /** The value of a key; `at` the key's own place if the complaint is about the key. */
  key(name: string, value: Value): Cursor {
    return new Cursor(value, this.path ? `${this.path}.${name}` : name, this.notes);
  }

  item(index: number, value: Value): Cursor {
    return new Cursor(value, `${this.path}[${index}]`, this.notes);
  }

  /** Notes what is wrong; the caller goes on without the value. */
  fail(message: string, expected?: string, at: Position = this.value.at): undefined {
    this.notes.problems.push({ at, path: this.path, message, ...(expected && { expected }) });
  }

  warn(message: string, at: Position = this.value.at): void {
    this.notes.warnings.push({ at, path: this.path, message });
  }

  /** As docker-compose names it, without list indexes. */
  get option(): string {
    return this.path.replaceAll(/\[\d+\]/g, '');
  }

  wrongType(expected: string, example?: string): undefined {
    const hint = example ? `${expected}, for example ${example}` : expected;
    return this.fail(`${this.option} contains an invalid type, it should be ${expected}`, hint);
  }
}

/** Gives undefined after it has noted what is wrong. */
export type Decoder<T> = (cursor: Cursor) => T | undefined;

export type Decoded<D> = D extends Decoder<infer T> ? T : never;

type Fields = Readonly<Record<string, Decoder<unknown>>>;

export type DecodedFields<F extends Fields> = { readonly [K in keyof F]?: Decoded<F[K]> };

export const text: Decoder<string> = (cursor) => {
  const { value } = cursor;
  return value.kind === 'scalar' && typeof value.value === 'string' ? value.value : cursor.wrongType('a string');
};

/** A string, or a number as it was written. */
export const textOrNumber: Decoder<string> = (cursor) => {
  const { value } = cursor;
  if (value.kind === 'scalar' && (typeof value.value === 'string' || typeof value.value === 'number'))
    return value.text;
  return cursor.wrongType('a string, or a number');
};

/** Any scalar as it was written; null is the empty string. */
export const scalarText: Decoder<string> = (cursor) =>
  cursor.value.kind === 'scalar' ? cursor.value.text : cursor.wrongType('a string, or a number');

/** An interpolated value is a string that may stand for a number. */
export const number: Decoder<number> = (cursor) => {
  const { value } = cursor;
  if (value.kind === 'scalar') {
    if (typeof value.value === 'number' && Number.isFinite(value.value)) return value.value;
    if (typeof value.value === 'string' && /^[+-]?\d+(\.\d+)?$/.test(value.value)) return Number(value.value);
  }
  return cursor.wrongType('a number');
};

export const integer: Decoder<number> = (cursor) => {
  const result = number(cursor);
  if (result === undefined || Number.isSafeInteger(result)) return result;
  return cursor.wrongType('an integer');
};

const TRUE = new Set(['true', 'yes', 'on', 'y']);
const FALSE = new Set(['false', 'no', 'off', 'n']);

export const boolean: Decoder<boolean> = (cursor) => {
  const { value } = cursor;
  if (value.kind === 'scalar') {
    if (typeof value.value === 'boolean') return value.value;
    const word = value.text.toLowerCase();
    if (TRUE.has(word)) return true;
    if (FALSE.has(word)) return false;
  }
  return cursor.wrongType('a boolean', 'true or false');
};

export function oneOf<const W extends string>(...words: readonly W[]): Decoder<W> {
  return (cursor) => {
    const { value } = cursor;
    const word = words.find((candidate) => value.kind === 'scalar' && value.value === candidate);
    return word ?? cursor.fail(`${cursor.option} has an unknown value`, `one of ${words.join(', ')}`);
  };
}

export function list<T>(item: Decoder<T>): Decoder<readonly T[]> {
  return (cursor) => {
    const { value } = cursor;
    if (value.kind !== 'sequence')
      return cursor.wrongType('an array', `\`- …\` on a line of its own under ${cursor.option}`);
    const items = value.items.map((each, index) => item(cursor.item(index, each)));
    return items.filter((each) => each !== undefined);
  };
}

/** One value, or a list of them. */
export function oneOrMore<T>(item: Decoder<T>): Decoder<readonly T[]> {
  return (cursor) => {
    if (cursor.value.kind === 'sequence') return list(item)(cursor);
    if (cursor.value.kind === 'mapping') return cursor.wrongType('a string, or an array');
    const only = item(cursor);
    return only === undefined ? undefined : [only];
  };
}

export function mapOf<T>(item: Decoder<T>): Decoder<Readonly<Record<string, T>>> {
  return (cursor) => {
    const { value } = cursor;
    if (value.kind !== 'mapping') return cursor.wrongType('an object', `\`name: …\` under ${cursor.option}`);
    const result: [string, T][] = [];
    for (const [name, entry] of value.entries) {
      const decoded = item(cursor.key(name, entry.value));
      if (decoded !== undefined) result.push([name, decoded]);
    }
    return Object.fromEntries(result);
  };
}

/** `KEY: value`, or a list of `KEY=value`; a key alone has no value. */
export const dictionary: Decoder<Readonly<Record<string, string | null>>> = (cursor) => {
  const { value } = cursor;
  if (value.kind === 'mapping')
    return mapOf<string | null>((each) => {
      const item = each.value;
      if (item.kind !== 'scalar') return each.wrongType('a string, number, or a null');
      return item.value === null ? null : item.text;
    })(cursor);
  if (value.kind !== 'sequence') return cursor.wrongType('an object, or an array', '`KEY: value` or `- KEY=value`');
  const lines = list(textOrNumber)(cursor) ?? [];
  return Object.fromEntries(lines.map(splitAssignment));
};

function splitAssignment(line: string): [string, string | null] {
  const sign = line.indexOf('=');
  return sign < 0 ? [line, null] : [line.slice(0, sign), line.slice(sign + 1)];
}

/** As `dictionary`, where no value is the empty one. */
export const labels: Decoder<Readonly<Record<string, string>>> = (cursor) => {
  const found = dictionary(cursor);
  return found && Object.fromEntries(Object.entries(found).map(([key, value]) => [key, value ?? '']));
};

/** A value that is read and may be wrong, but has no effect here: it is named in a warning. */
export function ignored(reason: string): Decoder<never> {
  return (cursor) => {
    cursor.warn(`${cursor.path} is not supported and has no effect: ${reason}`);
    return undefined;
  };
}

/** A mapping with these keys and no others; `x-` keys are the user's own. */
export function fields<F extends Fields>(known: F): Decoder<DecodedFields<F>> {
  return (cursor) => {
    const { value } = cursor;
    if (value.kind !== 'mapping') return cursor.wrongType('an object', `\`key: value\` lines under ${cursor.option}`);
    const result: Record<string, unknown> = {};
    for (const [name, entry] of value.entries) {
      if (name.startsWith('x-')) continue;
      const decode = Object.hasOwn(known, name) ? known[name] : undefined;
      if (!decode) unsupported(cursor, value, name, known);
      else {
        const decoded = decode(cursor.key(name, entry.value));
        if (decoded !== undefined) result[name] = decoded;
      }
    }
    return result as DecodedFields<F>;
  };
}

/** What people write for what they mean, where letters do not tell. */
const HINTS: Readonly<Record<string, string>> = {
  add_host: 'extra_hosts',
  hosts: 'extra_hosts',
  memory_swap: 'memswap_limit',
  memory: 'mem_limit',
  privilege: 'privileged',
  workdir: 'working_dir',
  env: 'environment',
};

function unsupported(cursor: Cursor, mapping: Mapping, name: string, known: Fields): void {
  const keys = Object.keys(known).sort();
  const meant = [HINTS[name], ...nearest(name, keys)].find((key) => key !== undefined && Object.hasOwn(known, key));
  const hint = meant ? ` (did you mean '${meant}'?)` : '';
  cursor
    .key(name, mapping)
    .fail(
      `Unsupported config option for ${cursor.option}: '${name}'${hint}`,
      keys.length > MOST_KEYS ? undefined : `one of the keys ${keys.join(', ')}`,
      mapping.entries.get(name)!.keyAt,
    );
}

/** A longer list helps nobody. */
const MOST_KEYS = 15;
