/** Interpolation of a whole file: which values, and what is said when one is wrong. */
import { scalar } from './document.ts';
import type { Entry, Value } from './document.ts';
import { interpolate, InterpolationError } from './interpolate.ts';
import type { Variables } from './interpolate.ts';
import type { Problem } from './problem.ts';

const SECTIONS: Readonly<Record<string, string>> = {
  services: 'service',
  networks: 'network',
  volumes: 'volume',
  secrets: 'secret',
  configs: 'config',
};

/** Replaces the variables in the values of `root`'s sections; keys and `x-` sections stay. */
export function interpolateFile(
  root: Value,
  variables: Variables,
  notes: { readonly problems: Problem[]; unset(name: string): void },
): Value {
  const inside = (value: Value, path: readonly string[]): Value => {
    if (value.kind === 'mapping')
      return { ...value, entries: mapEntries(value.entries, (key, each) => inside(each, [...path, key])) };
    if (value.kind === 'sequence')
      return { ...value, items: value.items.map((item, index) => inside(item, [...path, `[${index}]`])) };
    if (typeof value.value !== 'string') return value;
    try {
      const result = interpolate(value.value, variables);
      for (const name of result.unset) notes.unset(name);
      return scalar(result.text, value.at);
    } catch (error) {
      if (!(error instanceof InterpolationError)) throw error;
      notes.problems.push({ at: value.at, path: joined(path), message: complaint(error, path, value.value) });
      return value;
    }
  };
  if (root.kind !== 'mapping') return root;
  return {
    ...root,
    entries: mapEntries(root.entries, (key, value) => (Object.hasOwn(SECTIONS, key) ? inside(value, [key]) : value)),
  };
}

function complaint(error: InterpolationError, [section, name, option]: readonly string[], template: string): string {
  const where = `"${option ?? ''}" option in ${SECTIONS[section!]} "${name}"`;
  return error.kind === 'format'
    ? `Invalid interpolation format for ${where}: "${template}"`
    : `Missing mandatory value for ${where.replace(' in ', ` interpolating ${template} in `)}: ${error.message}`;
}

function mapEntries(entries: ReadonlyMap<string, Entry>, change: (key: string, value: Value) => Value) {
  return new Map([...entries].map(([key, entry]) => [key, { ...entry, value: change(key, entry.value) }]));
}

function joined(path: readonly string[]): string {
  return path.reduce((before, part) => (part.startsWith('[') ? before + part : `${before}.${part}`));
}
