/** The `filters` parameter: a JSON map of names to values, in the two ways that clients write it. */
import { EngineError } from '../../../core/network/error.ts';
import type { Query } from './query.ts';
import { parseJson } from './body.ts';
import { readInstantOrAge } from './time.ts';
import type { PruneFilter } from '../../../core/engine/engine.ts';

type StringMap = Readonly<Record<string, string>>;

export class Filters {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  /** Reads `{"label":["a"]}` or `{"label":{"a":true}}`, and refuses names that are not `known`. */
  static read(query: Query, known: readonly string[]): Filters {
    const text = query.text('filters');
    const parsed = text === '' ? {} : parseJson(text);
    if (!isObject(parsed)) {
      throw new EngineError(
        'invalid',
        'json: cannot unmarshal the filters into Go value of type map[string]map[string]bool',
      );
    }
    const values = new Map<string, readonly string[]>();
    for (const [name, given] of Object.entries(parsed)) {
      if (!known.includes(name)) throw new EngineError('invalid', `invalid filter '${name}'`);
      const list = isObject(given) ? Object.keys(given) : given;
      if (!Array.isArray(list) || !list.every((value) => typeof value === 'string')) {
        throw new EngineError(
          'invalid',
          `json: cannot unmarshal the filter ${name} into Go value of type map[string]bool`,
        );
      }
      values.set(name, list);
    }
    return new Filters(values);
  }

  get(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  has(name: string): boolean {
    return this.get(name).length > 0;
  }

  /** True if nothing was asked under that name, or one of the values passes. */
  some(name: string, passes: (value: string) => boolean): boolean {
    return !this.has(name) || this.get(name).some(passes);
  }

  exact(name: string, ...candidates: readonly string[]): boolean {
    return this.some(name, (value) => candidates.includes(value));
  }

  /** The values are regular expressions that match anywhere, or plain parts of the text. */
  match(name: string, ...candidates: readonly string[]): boolean {
    return this.some(name, (value) => {
      const matches = matcher(value);
      return candidates.some(matches);
    });
  }

  /** Each `key` or `key=value` must be there. */
  labels(labels: StringMap, name = 'label'): boolean {
    return this.get(name).every((wanted) => hasLabel(labels, wanted));
  }

  /** A yes or no; undefined if it was not asked. */
  flag(name: string): boolean | undefined {
    const values = this.get(name);
    if (values.length === 0) return undefined;
    const yes = values.some((value) => value === 'true' || value === '1');
    const no = values.some((value) => value === 'false' || value === '0');
    if (yes === no) throw new EngineError('invalid', `invalid filter '${name}=[${values.join(' ')}]'`);
    return yes;
  }

  /** What prunes have in common. */
  prune(now: string): PruneFilter {
    const until = this.get('until');
    if (until.length > 1) throw new EngineError('invalid', 'more than one until filter specified');
    const before = until[0] === undefined ? undefined : readInstantOrAge(until[0], now);
    return {
      labels: this.get('label'),
      withoutLabels: this.get('label!'),
      ...(before === undefined ? {} : { until: before }),
    };
  }
}

export const PRUNE_FILTERS = ['until', 'label', 'label!'] as const;

export function hasLabel(labels: StringMap, wanted: string): boolean {
  const [key = '', ...rest] = wanted.split('=');
  if (!Object.hasOwn(labels, key)) return false;
  return rest.length === 0 || labels[key] === rest.join('=');
}

/** A pattern that is no valid expression is looked for as it stands. */
function matcher(pattern: string): (text: string) => boolean {
  try {
    const expression = new RegExp(pattern);
    return (text) => expression.test(text);
  } catch {
    return (text) => text.includes(pattern);
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
