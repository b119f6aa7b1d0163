/** Values that a template works on, printed and judged as Go does. */

/** A line of a list: its columns by name. Unlike a plain object it is no map. */
export class Row {
  readonly #columns: Readonly<Record<string, unknown>>;
  /** Go's type, for the message about a column that is not there. */
  readonly type: string;

  constructor(type: string, columns: Readonly<Record<string, unknown>>) {
    this.type = type;
    this.#columns = columns;
  }

  has(column: string): boolean {
    return Object.hasOwn(this.#columns, column);
  }

  /** A function is called with the template's arguments: `{{.Label "key"}}`. */
  get(column: string): unknown {
    return this.#columns[column];
  }

  /** The columns by name, without those that need arguments. */
  toJSON(): Readonly<Record<string, unknown>> {
    const columns = Object.entries(this.#columns).filter(([, value]) => typeof value !== 'function');
    return Object.fromEntries(columns.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Row);
}

export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** As `%v` does. */
export function print(value: unknown): string {
  if (value === null) return '<nil>';
  if (value === undefined) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(print).join(' ')}]`;
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return printNumber(value);
  if (typeof value === 'object') {
    const entries = Object.entries(value instanceof Row ? value.toJSON() : value);
    return `map[${entries
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => `${key}:${print(each)}`)
      .join(' ')}]`;
  }
  return typeof value === 'boolean' ? String(value) : `<${typeof value}>`;
}

/** Whole numbers as integers, others as Go's %v: with an exponent from 21 digits on. */
function printNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}

/** Compact JSON, as docker's `json` writes it. */
export function toJson(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}
