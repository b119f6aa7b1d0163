/** Listings as iptables-save writes them, read into values, and printed back. */
import { readMatches, wouldJoin } from './match.ts';
import { printRule } from './print.ts';
import type { Family, Match, Rule, Table, Target } from './rule.ts';
import { readTarget } from './target.ts';
import { word, words } from './word.ts';

export interface Counters {
  readonly packets: number;
  readonly bytes: number;
}

export interface ListedChain {
  readonly name: string;
  /** Undefined for a chain that is not built in. */
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
  readonly counters: Counters;
}

export interface ListedRule {
  readonly rule: Rule;
  /** Only in listings made with `-c`. */
  readonly counters: Counters | undefined;
}

/** One table's part of a listing. */
export interface ListedTable {
  readonly family: Family;
  readonly table: Table;
  readonly chains: readonly ListedChain[];
  /** In the order of their chains in the listing, and of each chain. */
  readonly rules: readonly ListedRule[];
}

/** A line that could not be read, counted from 1, with what was expected there. */
export interface ParseProblem {
  readonly line: number;
  readonly message: string;
}

export interface Listing {
  readonly tables: readonly ListedTable[];
  readonly problems: readonly ParseProblem[];
}

const TABLES: ReadonlySet<string> = new Set(['raw', 'mangle', 'nat', 'filter', 'security'] satisfies Table[]);
const CHAIN = /^:(\S+) (ACCEPT|DROP|-) \[(\d+):(\d+)\]$/;
const COUNTED = /^\[(\d+):(\d+)\] /;

class LineError extends Error {}

/**
 * Reads what `iptables-save` (or `ip6tables-save`, by `family`) printed, with counters or without.
 * Never throws: what could not be read is told in `problems`, and all else is there.
 */
export function parseListing(text: string, family: Family): Listing {
  const tables: ListedTable[] = [];
  const problems: ParseProblem[] = [];
  let table: OpenTable | undefined;
  let number = 0;
  for (const line of text.split('\n')) {
    number += 1;
    const content = line.trimEnd();
    if (content === '' || content.startsWith('#')) continue;
    try {
      if (content.startsWith('*')) {
        if (table) problems.push({ line: number, message: `expected COMMIT of table ${table.name} before ${content}` });
        table = new OpenTable(family, content.slice(1));
        if (table.known) tables.push(table.listed);
      } else if (!table) {
        throw new LineError(`expected a table (*filter), found ${JSON.stringify(content)}`);
      } else if (content === 'COMMIT') {
        table = undefined;
      } else {
        table.read(content);
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      problems.push({ line: number, message: error.message });
    }
  }
  if (table) {
    problems.push({ line: number, message: `expected COMMIT: the listing of table ${table.name} is cut off` });
  }
  return { tables, problems };
}

class OpenTable {
  readonly listed: ListedTable;
  readonly name: string;
  readonly known: boolean;
  readonly #chains: ListedChain[] = [];
  readonly #rules: ListedRule[] = [];
  readonly #names = new Set<string>();
  readonly #phrases = new Phrases((name) => this.#names.has(name));

  constructor(family: Family, name: string) {
    this.name = name;
    this.known = TABLES.has(name);
    this.listed = { family, table: name as Table, chains: this.#chains, rules: this.#rules };
  }

  read(line: string): void {
    if (!this.known) throw new LineError(`expected one of the tables ${[...TABLES].join(', ')}, found ${this.name}`);
    if (line.startsWith(':')) this.#readChain(line);
    else this.#readRule(line);
  }

  #readChain(line: string): void {
    const [, name, policy, packets, bytes] = CHAIN.exec(line) ?? [];
    if (name === undefined)
      throw new LineError(`expected :CHAIN POLICY [packets:bytes], found ${JSON.stringify(line)}`);
    this.#names.add(name);
    this.#chains.push({
      name,
      policy: policy === '-' ? undefined : (policy as 'ACCEPT'),
      counters: { packets: Number(packets), bytes: Number(bytes) },
    });
  }

  #readRule(line: string): void {
    const counted = line.startsWith('[') ? COUNTED.exec(line) : null;
    const counters = counted ? { packets: Number(counted[1]), bytes: Number(counted[2]) } : undefined;
    const text = counted ? line.slice(counted[0].length) : line;
    const { family, table } = this.listed;
    this.#rules.push({ rule: { family, table, ...readRule(text, this.#phrases) }, counters });
  }
}

/**
 * The parts that rules of one table are made of, each read once: listings repeat them by the
 * thousand, and rules that share them are small.
 */
class Phrases {
  readonly #matches = new Map<string, readonly Match[]>();
  readonly #targets = new Map<string, Target>();
  readonly #isChain: (name: string) => boolean;

  constructor(isChain: (name: string) => boolean) {
    this.#isChain = isChain;
  }

  /** `-i eth0`, `! -s 10.0.0.0/8`, `-f` */
  head(text: string): readonly Match[] {
    return remember(this.#matches, text, () => [readHead(split(text))]);
  }

  /** `-m tcp --dport 80` */
  extension(text: string): readonly Match[] {
    return remember(this.#matches, text, () => {
      const [, extension, ...options] = split(text);
      if (extension === undefined) throw new LineError('expected an extension after -m');
      return readMatches(word(extension, 'extension'), options);
    });
  }

  /** `-j ACCEPT`, `-g CHAIN` */
  target(text: string): Target {
    return remember(this.#targets, text, () => {
      const [option, name, ...options] = split(text);
      if (name === undefined) throw new LineError(`expected a target after ${option}`);
      if (option === '-g') return { kind: 'goto', chain: word(name, 'chain') };
      return readTarget(word(name, 'target'), options, this.#isChain);
    });
  }
}

function remember<T>(known: Map<string, T>, text: string, read: () => T): T {
  const old = known.get(text);
  if (old !== undefined) return old;
  const value = read();
  known.set(text, value);
  return value;
}

/** One rule as iptables-save lists it. Throws with what was expected. */
function readRule(text: string, phrases: Phrases): Pick<Rule, 'chain' | 'matches' | 'target'> {
  words(text, 'line');
  const matches: Match[] = [];
  let target: Target = { kind: 'none' };
  let last = '';
  let at = wordEnd(text, 3);
  const chain = text.slice(3, at);
  if (!text.startsWith('-A ') || chain === '') throw new LineError(`expected -A CHAIN, found ${JSON.stringify(text)}`);
  for (at = wordStart(text, at); at < text.length; at = wordStart(text, at)) {
    if (text.startsWith('-j', at) || text.startsWith('-g', at)) {
      target = phrases.target(text.slice(at));
      break;
    }
    const start = at;
    if (text.startsWith('-m', at)) {
      at = extensionEnd(text, at + 2);
      const extension = text.slice(start, wordEnd(text, wordStart(text, start + 2)));
      const next = phrases.extension(text.slice(start, at));
      if (extension === last && wouldJoin(matches.at(-1)!, next[0]!)) matches.push(asText(text.slice(start, at)));
      else matches.push(...next);
      last = extension;
    } else {
      if (text.startsWith('! ', at)) at += 2;
      const isFragment = text.startsWith('-f', at);
      at = wordEnd(text, at);
      if (!isFragment) at = wordEnd(text, wordStart(text, at));
      matches.push(...phrases.head(text.slice(start, at)));
    }
  }
  return { chain: word(chain, 'chain'), matches, target };
}

/** Two `-m` of one extension must not become one: the second is carried as text. */
function asText(text: string): Match {
  const [, extension = '', ...options] = split(text);
  return { kind: 'other', extension, options: options.join(' ') };
}

function wordStart(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ') at += 1;
  return at;
}

function wordEnd(text: string, from: number): number {
  if (text[from] === '"') return quoteEnd(text, from);
  const end = text.indexOf(' ', from);
  return end < 0 ? text.length : end;
}

function quoteEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === '"') return at + 1;
    if (text[at] === '\\') at += 1;
  }
  throw new LineError('expected a closing quote');
}

/** Where the next `-m`, `-j` or `-g` begins. */
function extensionEnd(text: string, from: number): number {
  let end = from;
  for (let at = wordStart(text, from); at < text.length; at = wordStart(text, end)) {
    end = wordEnd(text, at);
    if (end - at === 2 && text[at] === '-' && 'mjg'.includes(text[at + 1]!)) return at - 1;
  }
  return end;
}

function split(text: string): readonly string[] {
  const parts: string[] = [];
  for (let at = wordStart(text, 0); at < text.length;) {
    const end = wordEnd(text, at);
    parts.push(text.slice(at, end));
    at = wordStart(text, end);
  }
  return parts;
}

function readHead(parts: readonly string[]): Match {
  const not = parts[0] === '!';
  const [option = '', value] = not ? parts.slice(1) : parts;
  const negated = not ? { not } : {};
  if (option === '-f') return { kind: 'other', extension: '', options: parts.join(' ') };
  if (value === undefined) throw new LineError(`expected a value after ${JSON.stringify(option)}`);
  switch (option) {
    case '-s':
      return { kind: 'source', prefix: word(value, 'address'), ...negated };
    case '-d':
      return { kind: 'destination', prefix: word(value, 'address'), ...negated };
    case '-i':
      return { kind: 'in', link: word(value, 'link'), ...negated };
    case '-o':
      return { kind: 'out', link: word(value, 'link'), ...negated };
    case '-p':
      return { kind: 'protocol', name: word(value, 'protocol'), ...negated };
    default:
      throw new LineError(`expected a match or a target, found ${JSON.stringify(option)}`);
  }
}

/** The listing as `iptables-save` prints it, less its comments with the time. */
export function printListing(tables: readonly ListedTable[]): string {
  const lines: string[] = [];
  for (const { table, chains, rules } of tables) {
    lines.push(`*${table}`);
    for (const { name, policy, counters } of chains) lines.push(`:${name} ${policy ?? '-'} ${count(counters)}`);
    for (const { rule, counters } of rules) {
      lines.push(counters ? `${count(counters)} ${printRule(rule)}` : printRule(rule));
    }
    lines.push('COMMIT');
  }
  return lines.map((line) => `${line}\n`).join('');
}

function count({ packets, bytes }: Counters): string {
  return `[${packets}:${bytes}]`;
}
