/**
 * The request bodies as Go's JSON decoder reads them into Docker's structs: unknown fields are
 * ignored, null is the same as absent, names match without regard to case, an absent field has its
 * zero value, and a wrong type is refused with the struct, the field and the type.
 */
import * as v from 'valibot';
import { EngineError } from '../../../core/network/error.ts';

// The message of each schema is the Go type that it stands for; `decode` makes the sentence of it.

export const string = v.optional(v.string('string'), '');
export const bool = v.optional(v.boolean('bool'), false);
export const integer = v.optional(v.pipe(v.number('int64'), v.integer('int64')), 0);
export const strings = v.optional(v.nullable(v.array(v.string('string'), '[]string')), null);
export const stringOrList = v.optional(
  v.nullable(
    v.union(
      [
        v.array(v.string('string'), '[]string'),
        v.pipe(
          v.string(),
          v.transform((one) => [one]),
        ),
      ],
      '[]string',
    ),
  ),
  null,
);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A map with values of the Go type `type`. */
export function mapOf<const S extends v.GenericSchema>(schema: S, type: string) {
  const name = `map[string]${type}`;
  return v.pipe(v.custom<Record<string, unknown>>(isObject, name), v.record(v.string(), schema, name));
}

export const stringMap = mapOf(
  v.pipe(
    v.nullable(v.string('string')),
    v.transform((value) => value ?? ''),
  ),
  'string',
);

/** A set as Docker writes it: names with empty objects. */
export const set = mapOf(
  v.pipe(
    v.unknown(),
    v.transform((): object => ({})),
  ),
  'struct {}',
);

/** Fields that are absent from the result if they were absent from the request. */
export const maybe = v.exactOptional;
export const given = {
  string: maybe(v.string('string')),
  bool: maybe(v.boolean('bool')),
  integer: maybe(v.pipe(v.number('int64'), v.integer('int64'))),
  strings: maybe(v.array(v.string('string'), '[]string')),
  stringMap: maybe(stringMap),
};

/** A Go struct. The result has the fields in the order in which they stand here. */
export function struct<const E extends v.ObjectEntries>(name: string, entries: E) {
  const names = new Map(Object.keys(entries).map((key) => [key.toLowerCase(), key]));
  return v.pipe(
    v.custom<Record<string, unknown>>(isObject, name),
    v.transform((value) =>
      Object.fromEntries(
        Object.entries(value)
          .filter(([, field]) => field !== null)
          .map(([key, field]) => [key in entries ? key : (names.get(key.toLowerCase()) ?? key), field]),
      ),
    ),
    v.object(entries, name),
  );
}

const KINDS: Readonly<Record<string, string>> = { boolean: 'bool', number: 'number', string: 'string' };

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return KINDS[typeof value] ?? 'object';
}

/** Reads `value` as the struct `name`, or refuses it in the words of Go's decoder. */
export function decode<const S extends v.GenericSchema>(name: string, schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = (issue.path ?? []).filter((item) => typeof item.key === 'string').map((item) => String(item.key));
  const what =
    kindOf(issue.input) === 'number' && !Number.isInteger(issue.input)
      ? `number ${String(issue.input)}`
      : kindOf(issue.input);
  const where = path.length ? `struct field ${name}.${path.join('.')}` : 'value';
  throw new EngineError('invalid', `json: cannot unmarshal ${what} into Go ${where} of type ${issue.message}`);
}
