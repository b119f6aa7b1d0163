/** The query of a request, read as Docker reads it. */
import { EngineError } from '../../../core/network/error.ts';

export class Query {
  readonly #values: URLSearchParams;

  constructor(values: URLSearchParams) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The first value, or an empty text. */
  text(name: string): string {
    return this.#values.get(name) ?? '';
  }

  all(name: string): readonly string[] {
    return this.#values.getAll(name);
  }

  /** Anything but nothing, `0`, `no`, `false` and `none` is true. */
  flag(name: string, missing = false): boolean {
    const value = this.#values.get(name);
    if (value === null) return missing;
    return !['', '0', 'no', 'false', 'none'].includes(value.toLowerCase().trim());
  }

  /** A whole number, or undefined if there is none. */
  number(name: string): number | undefined {
    const value = this.text(name);
    if (value === '') return undefined;
    if (!/^[+-]?\d+$/.test(value)) {
      throw new EngineError('invalid', `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
    }
    return Number(value);
  }
}
