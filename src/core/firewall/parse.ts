/** Listings as iptables-save writes them, read into values, and printed back. */
import { readMatches } from './match.ts';
import { printRule } from './print.ts';
import type { Family, Match, Rule, Table, Target } from './rule.ts';
import { readTarget } from './target.ts';

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
const WORDS = /"(?:[^"\\]|\\.)*"|[^\s"]+/g;
const QUOTES_CLOSED = /^(?:[^"]|"(?:[^"\\]|\\.)*")*$/;

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
  readonly #isChain = (name: string): boolean => this.#names.has(name);

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
    this.#rules.push({ rule: readRule(text, family, table, this.#isChain), counters });
  }
}

/** One rule as iptables-save lists it, without its table. Throws with what was expected. */
function readRule(text: string, family: Family, table: Table, isChain: (name: string) => boolean): Rule {
  const tokens = split(text);
  const matches: Match[] = [];
  let target: Target = { kind: 'none' };
  if (tokens[0] !== '-A' || tokens[1] === undefined) {
    throw new LineError(`expected -A CHAIN, found ${JSON.stringify(text)}`);
  }
  let index = 2;
  while (index < tokens.length) {
    const not = tokens[index] === '!';
    if (not) index += 1;
    const option = tokens[index] ?? '';
    const value = tokens[index + 1];
    if (option === '-j' || option === '-g') {
      if (value === undefined || not) throw new LineError(`expected a target after ${option}`);
      target = option === '-g' ? { kind: 'goto', chain: value } : readTarget(value, tokens.slice(index + 2), isChain);
      break;
    }
    if (option === '-m') {
      if (value === undefined || not) throw new LineError('expected an extension after -m');
      const end = nextExtension(tokens, index + 2);
      matches.push(...readMatches(value, tokens.slice(index + 2, end), matches.at(-1)));
      index = end;
    } else if (option === '-f') {
      matches.push({ kind: 'other', extension: '', options: not ? '! -f' : '-f' });
      index += 1;
    } else {
      const match = readHead(option, value);
      matches.push(not ? { ...match, not } : match);
      index += 2;
    }
  }
  const rule: Rule = { family, table, chain: tokens[1], matches, target };
  // Refuses words that could not be written again.
  printRule(rule);
  return rule;
}

function split(text: string): readonly string[] {
  if (!text.includes('"')) return text.split(' ').filter((token) => token !== '');
  if (!QUOTES_CLOSED.test(text)) throw new LineError('expected a closing quote');
  return text.match(WORDS) ?? [];
}

function nextExtension(tokens: readonly string[], from: number): number {
  for (let index = from; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (token === '-m' || token === '-j' || token === '-g') return index;
  }
  return tokens.length;
}

function readHead(option: string, value: string | undefined): Match {
  if (value === undefined) throw new LineError(`expected a value after ${JSON.stringify(option)}`);
  switch (option) {
    case '-s':
      return { kind: 'source', prefix: value };
    case '-d':
      return { kind: 'destination', prefix: value };
    case '-i':
      return { kind: 'in', link: value };
    case '-o':
      return { kind: 'out', link: value };
    case '-p':
      return { kind: 'protocol', name: value };
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
