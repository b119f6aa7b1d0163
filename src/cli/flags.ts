/**
 * Flags as docker has them (Go's pflag): `-itd`, `-p80:80`, `--rm=false`, `--network=x`, options
 * that end at the image's name. commander was weighed and left out: it has no `--flag=false`, no
 * `-o=value`, its own words for errors, and help in another layout.
 */

/** A usage mistake that ends with status 125, as docker's. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

export interface Flag<T> {
  readonly usage: string;
  readonly short?: string;
  /** What the help calls the value; empty for a switch. */
  readonly placeholder: string;
  readonly initial: T;
  /** Shown as `(default …)`. */
  readonly shown?: string;
  /** Throws RangeError with the reason if `value` is not of the kind. */
  add(value: string, before: T): T;
}

export type Flags = Readonly<Record<string, Flag<unknown>>>;

export type Values<F> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

interface Look {
  readonly short?: string;
  readonly placeholder?: string;
  readonly shown?: string;
}

export function toggle(usage: string, look: Look & { readonly initial?: boolean } = {}): Flag<boolean> {
  const { initial = false, ...rest } = look;
  return { usage, ...rest, ...(initial && { shown: 'true' }), placeholder: '', initial, add: readBoolean };
}

export function text(usage: string, look: Look & { readonly initial?: string } = {}): Flag<string> {
  const { initial = '', placeholder = 'string', ...rest } = look;
  const shown = initial === '' ? {} : { shown: `"${initial}"` };
  return { usage, placeholder, ...shown, ...rest, initial, add: (value) => value };
}

/** May be given several times. */
export function list(usage: string, look: Look = {}): Flag<readonly string[]> {
  return { usage, placeholder: 'list', ...look, initial: [], add: (value, before) => [...before, value] };
}

/** May be given several times, and several values with commas. */
export function commaList(usage: string, look: Look = {}): Flag<readonly string[]> {
  return {
    usage,
    placeholder: 'strings',
    ...look,
    initial: [],
    add: (value, before) => [...before, ...value.split(',')],
  };
}

/** `key=value`, several times. */
export function map(usage: string, look: Look = {}): Flag<Readonly<Record<string, string>>> {
  return { usage, placeholder: 'map', shown: 'map[]', ...look, initial: {}, add: addAssignment };
}

export function integer(usage: string, look: Look = {}): Flag<number | undefined> {
  return { usage, placeholder: 'int', ...look, initial: undefined, add: readInteger };
}

function readBoolean(value: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw new RangeError(`strconv.ParseBool: parsing "${value}": invalid syntax`);
}

function readInteger(value: string): number {
  if (/^[+-]?\d+$/.test(value) && Number.isSafeInteger(Number(value))) return Number(value);
  throw new RangeError(`strconv.ParseInt: parsing "${value}": invalid syntax`);
}

function addAssignment(value: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const sign = value.indexOf('=');
  const [key, rest] = sign < 0 ? [value, ''] : [value.slice(0, sign), value.slice(sign + 1)];
  return Object.fromEntries([...Object.entries(before), [key, rest]]);
}

export interface Parsed<F> {
  readonly flags: Values<F>;
  readonly args: readonly string[];
  /** Flags that were given. */
  readonly given: ReadonlySet<string>;
  readonly help: boolean;
}

/** Reads options among the arguments; with `interspersed` false they end at the first argument. Throws FlagError. */
export function parseFlags<F extends Flags>(known: F, argv: readonly string[], interspersed: boolean): Parsed<F> {
  const parser = new Parser(known, argv, interspersed);
  parser.run();
  return { flags: parser.values as Values<F>, args: parser.args, given: parser.given, help: parser.help };
}

class Parser {
  readonly values: Record<string, unknown>;
  readonly args: string[] = [];
  readonly given = new Set<string>();
  help = false;
  readonly #known: Readonly<Record<string, Flag<unknown>>>;
  readonly #rest: string[];
  readonly #interspersed: boolean;

  constructor(known: Flags, argv: readonly string[], interspersed: boolean) {
    this.#known = known;
    this.values = Object.fromEntries(Object.entries(this.#known).map(([name, flag]) => [name, flag.initial]));
    this.#rest = [...argv];
    this.#interspersed = interspersed;
  }

  run(): void {
    for (let word = this.#rest.shift(); word !== undefined; word = this.#rest.shift()) {
      if (word === '--') return void this.args.push(...this.#rest);
      if (word.startsWith('--')) this.#long(word);
      else if (word.startsWith('-') && word !== '-') this.#shorts(word);
      else {
        this.args.push(word);
        if (!this.#interspersed) return void this.args.push(...this.#rest);
      }
    }
  }

  #long(word: string): void {
    const sign = word.indexOf('=');
    const name = word.slice(2, sign < 0 ? undefined : sign);
    const value = sign < 0 ? undefined : word.slice(sign + 1);
    const flag = Object.hasOwn(this.#known, name) ? this.#known[name] : undefined;
    if (!flag && name === 'help') this.help = true;
    else if (!flag) throw new FlagError(`unknown flag: --${name}`);
    else this.#set(name, flag, value ?? (flag.placeholder === '' ? 'true' : this.#next(`--${name}`)));
  }

  #shorts(word: string): void {
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      const found = Object.entries(this.#known).find(([, flag]) => flag.short === letter);
      if (!found && letter === 'h') {
        this.help = true;
        continue;
      }
      if (!found) throw new FlagError(`unknown shorthand flag: '${letter}' in ${word}`);
      const [name, flag] = found;
      const rest = word.slice(at + 1);
      if (rest.startsWith('=')) return this.#set(name, flag, rest.slice(1));
      if (flag.placeholder === '') this.#set(name, flag, 'true');
      else return this.#set(name, flag, rest || this.#next(`'${letter}' in ${word}`));
    }
  }

  #next(where: string): string {
    const value = this.#rest.shift();
    if (value === undefined) throw new FlagError(`flag needs an argument: ${where}`);
    return value;
  }

  #set(name: string, flag: Flag<unknown>, value: string): void {
    try {
      this.values[name] = flag.add(value, this.values[name]);
      this.given.add(name);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const shown = flag.short ? `-${flag.short}, --${name}` : `--${name}`;
      throw new FlagError(`invalid argument "${value}" for "${shown}" flag: ${error.message}`, { cause: error });
    }
  }
}
