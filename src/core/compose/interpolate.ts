/** Variables in a compose file's values: `$VAR`, `${VAR}`, `${VAR:-word}` and the like. */

/** Undefined: the variable is not set, which is not the same as empty. */
export type Variables = (name: string) => string | undefined;

export class InterpolationError extends Error {
  override readonly name = 'InterpolationError';
  /** `format`: the template is not well-formed; `required`: a `?` variable has no value. */
  readonly kind: 'format' | 'required';

  constructor(kind: 'format' | 'required', message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface Interpolated {
  readonly text: string;
  /** Variables that were used without a default and are not set, each once. */
  readonly unset: readonly string[];
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
/** What stands for itself, outside of braces and within. */
const PLAIN = /[^$]+/y;
const BRACED = /[^$}]+/y;
/** Words within words: more is a mistake, or an attack on the stack. */
const DEEPEST = 100;
const OPERATOR = /:?[-?+]/y;

/**
 * Replaces `$VAR` and `${VAR}`; `$$` is a dollar sign.
 * `${VAR-word}` is the word if VAR is not set, `${VAR+word}` the word if it is set,
 * `${VAR?word}` an error with that text if it is not set; a colon before the sign takes an empty
 * value for an unset one. Words may hold variables again.
 */
export function interpolate(template: string, variables: Variables): Interpolated {
  if (!template.includes('$')) return { text: template, unset: [] };
  const scan = new Scan(template, variables);
  const text = scan.text(false);
  return { text, unset: [...scan.unset] };
}

class Scan {
  readonly unset = new Set<string>();
  readonly #template: string;
  readonly #variables: Variables;
  #at = 0;
  #depth = 0;
  /** Above 0 in a word that is not used: it has to be well-formed, but its variables need no values. */
  #idle = 0;

  constructor(template: string, variables: Variables) {
    this.#template = template;
    this.#variables = variables;
  }

  /** Up to the end or, inside braces, up to the closing one, which is left to read. */
  text(braced: boolean): string {
    if (++this.#depth > DEEPEST) throw this.#wrong();
    let text = '';
    for (;;) {
      text += this.#match(braced ? BRACED : PLAIN) ?? '';
      if (!this.#take('$')) break;
      text += this.#afterDollar();
    }
    this.#depth--;
    return text;
  }

  #afterDollar(): string {
    if (this.#take('$')) return '$';
    if (!this.#take('{')) return this.#value(this.#name());
    const name = this.#name();
    const operator = this.#match(OPERATOR);
    const value = operator ? this.#withWord(name, operator) : this.#value(name);
    if (!this.#take('}')) throw this.#wrong();
    return value;
  }

  #value(name: string): string {
    if (this.#idle > 0) return '';
    const value = this.#variables(name);
    if (value === undefined) this.unset.add(name);
    return value ?? '';
  }

  #withWord(name: string, operator: string): string {
    const value = this.#variables(name);
    const there = operator.startsWith(':') ? Boolean(value) : value !== undefined;
    const wanted = operator.endsWith('+') ? there : !there;
    const idle = wanted ? 0 : 1;
    this.#idle += idle;
    const word = this.text(true);
    this.#idle -= idle;
    if (!wanted) return operator.endsWith('+') ? '' : value!;
    if (operator.endsWith('?') && this.#idle === 0) throw new InterpolationError('required', word || name);
    return word;
  }

  #name(): string {
    const name = this.#match(NAME);
    if (!name) throw this.#wrong();
    return name;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#template)?.[0];
    if (found) this.#at += found.length;
    return found;
  }

  #stands(character: string): boolean {
    return this.#template[this.#at] === character;
  }

  #take(character: string): boolean {
    if (!this.#stands(character)) return false;
    this.#at++;
    return true;
  }

  #wrong(): InterpolationError {
    return new InterpolationError('format', this.#template);
  }
}
