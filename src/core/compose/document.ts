/** A compose file as a tree of values that remember where they were written. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node as YamlNode, Pair } from 'yaml';
import { ComposeError } from './problem.ts';

/** Line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `text` is the scalar as it was written: `1.10` stays `1.10` where a string is wanted. */
export interface Scalar {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  readonly text: string;
  readonly at: Position;
}

export interface Sequence {
  readonly kind: 'sequence';
  readonly items: readonly Value[];
  readonly at: Position;
}

/** `keyAt` is where the key stands, which is where a wrong key is reported. */
export interface Entry {
  readonly keyAt: Position;
  readonly value: Value;
}

export interface Mapping {
  readonly kind: 'mapping';
  readonly entries: ReadonlyMap<string, Entry>;
  readonly at: Position;
}

export type Value = Scalar | Sequence | Mapping;

export function scalar(value: Scalar['value'], at: Position): Scalar {
  return { kind: 'scalar', value, text: value === null ? '' : String(value), at };
}

/** No compose file is that large; a file of aliases to aliases is. */
const MOST_VALUES = 100_000;

/**
 * Reads one YAML document. Scalars follow YAML 1.2 (`22:22` and `no` are strings, as users mean
 * them); merge keys (`<<`) and aliases are resolved. Throws ComposeError.
 */
export function readDocument(file: string, text: string): Value {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems = document.errors.map((error) => ({ at: position(error.pos[0]), path: '', message: error.message }));
  if (problems.length > 0) throw new ComposeError('is not valid YAML', problems);
  return new Reader(document, position).read(document.contents);
}

class Reader {
  readonly #document: Document;
  readonly #position: (offset: number) => Position;
  readonly #open = new Set<YamlNode>();
  #count = 0;

  constructor(document: Document, position: (offset: number) => Position) {
    this.#document = document;
    this.#position = position;
  }

  read(node: unknown): Value {
    const yaml = node as YamlNode | null;
    const at = this.#at(yaml);
    if (++this.#count > MOST_VALUES) throw this.#error(at, 'the file expands to too many values', 'fewer aliases');
    if (isAlias(yaml)) return this.#alias(yaml.resolve(this.#document), at);
    if (isMap(yaml)) return { kind: 'mapping', entries: this.#entries(yaml.items), at };
    if (isSeq(yaml)) return { kind: 'sequence', items: yaml.items.map((item) => this.read(item)), at };
    return isScalar(yaml) ? this.#scalar(yaml.value, yaml.source, at) : scalar(null, at);
  }

  #scalar(value: unknown, source: string | undefined, at: Position): Scalar {
    if (typeof value === 'string' || value === null) return scalar(value, at);
    if (typeof value === 'number' || typeof value === 'boolean')
      return { kind: 'scalar', value, text: source ?? String(value), at };
    return scalar(source ?? '', at);
  }

  #alias(target: YamlNode | undefined, at: Position): Value {
    if (!target) throw this.#error(at, 'the alias refers to nothing', 'an anchor (&name) above it');
    if (this.#open.has(target)) throw this.#error(at, 'the alias refers to itself', 'an anchor that is complete');
    this.#open.add(target);
    const value = this.read(target);
    this.#open.delete(target);
    return value;
  }

  /** Keys of the mapping itself win over merged ones, whatever their order. */
  #entries(pairs: readonly Pair[]): Map<string, Entry> {
    const own = new Map<string, Entry>();
    const merged = new Map<string, Entry>();
    for (const pair of pairs) {
      const key = pair.key as YamlNode;
      const keyAt = this.#at(key);
      if (!isScalar(key)) throw this.#error(keyAt, 'a key has to be a string', 'a plain key');
      if (key.source === '<<' && key.type === 'PLAIN') this.#merge(merged, this.read(pair.value), keyAt);
      else own.set(key.source ?? String(key.value), { keyAt, value: this.#valueOf(pair, keyAt) });
    }
    for (const [key, entry] of merged) if (!own.has(key)) own.set(key, entry);
    return own;
  }

  /** A key without a value stands where its key does. */
  #valueOf(pair: Pair, keyAt: Position): Value {
    const value = this.read(pair.value);
    return value.kind === 'scalar' && value.value === null ? { ...value, at: keyAt } : value;
  }

  #merge(into: Map<string, Entry>, value: Value, at: Position): void {
    const sources = value.kind === 'sequence' ? value.items : [value];
    for (const source of sources) {
      if (source.kind !== 'mapping') throw this.#error(at, '<< merges mappings only', 'an alias of a mapping');
      for (const [key, entry] of source.entries) if (!into.has(key)) into.set(key, entry);
    }
  }

  #at(node: YamlNode | null): Position {
    return this.#position(node?.range?.[0] ?? 0);
  }

  #error(at: Position, message: string, expected: string): ComposeError {
    return new ComposeError('is not valid YAML', [{ at, path: '', message, expected }]);
  }
}
