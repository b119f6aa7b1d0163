/** Finding a named thing by what a user calls it. */
import { EngineError } from './error.ts';

interface Named {
  readonly id: string;
  readonly name: string;
}

export type ReferenceKind = 'network' | 'container';

/** By full id, then name, then unique id prefix. Throws not-found, or invalid if it is ambiguous. */
export function resolveReference<T extends Named>(kind: ReferenceKind, rows: Iterable<T>, ref: string): T {
  if (kind === 'container' && ref === '') throw new EngineError('invalid', 'invalid name or ID supplied: ""');
  // The API writes a container's name with a leading slash.
  const name = kind === 'container' ? ref.replace(/^\//, '') : ref;
  const named: T[] = [];
  const prefixed: T[] = [];
  for (const row of rows) {
    if (row.id === ref) return row;
    if (row.name === name) named.push(row);
    if (ref !== '' && row.id.startsWith(ref)) prefixed.push(row);
  }
  const [matches, basis] = named.length > 0 ? [named, 'on name'] : [prefixed, 'based on ID prefix'];
  if (matches.length === 1) return matches[0]!;
  if (matches.length === 0) throw new EngineError('not-found', missing(kind, name));
  throw new EngineError('invalid', ambiguous(kind, name, matches.length, basis));
}

function missing(kind: ReferenceKind, ref: string): string {
  return kind === 'network' ? `network ${ref} not found` : `No such container: ${ref}`;
}

function ambiguous(kind: ReferenceKind, ref: string, count: number, basis: string): string {
  if (kind === 'container') return `Multiple IDs found with provided prefix: ${ref}`;
  return `network ${ref} is ambiguous (${count} matches found ${basis})`;
}
