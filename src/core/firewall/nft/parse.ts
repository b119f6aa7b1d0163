/** Reads what `nft -j list ruleset` printed. */
import type { ParseProblem } from '../parse.ts';
import {
  printWord,
  type Json,
  type JsonObject,
  type NftBase,
  type NftChain,
  type NftFamily,
  type NftRule,
  type NftRuleset,
  type NftSet,
  type NftTable,
} from './ruleset.ts';

export interface NftListing {
  readonly ruleset: NftRuleset;
  /** What was printed, object by object: `print` writes it again as it was. */
  readonly objects: readonly JsonObject[];
  /** Objects counted from 1; 0 is the text as a whole. */
  readonly problems: readonly ParseProblem[];
}

const FAMILIES: ReadonlySet<string> = new Set(['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'] satisfies NftFamily[]);

const isObject = (json: Json | undefined): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

class ObjectError extends Error {}

interface OpenTable extends Omit<NftTable, 'chains' | 'sets'> {
  readonly chains: Map<string, NftChain & { readonly rules: NftRule[] }>;
  readonly sets: Map<string, NftSet>;
}

/** Never throws: what could not be read is told in `problems`, and all else is there. */
export function parseRuleset(text: string): NftListing {
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch (error) {
    return failed(`expected JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const list = isObject(json) ? json['nftables'] : undefined;
  if (!Array.isArray(list)) return failed('expected an object with the list "nftables"');
  return readRuleset(list as readonly Json[]);
}

function failed(message: string): NftListing {
  return { ruleset: { tables: [] }, objects: [], problems: [{ line: 0, message }] };
}

/** The same from objects that are read already, as libnftables gives them. */
export function readRuleset(list: readonly Json[]): NftListing {
  const tables = new Map<string, OpenTable>();
  const objects: JsonObject[] = [];
  const problems: ParseProblem[] = [];
  for (const [index, object] of list.entries()) {
    try {
      if (!isObject(object)) throw new ObjectError(`expected an object, found ${JSON.stringify(object)}`);
      objects.push(object);
      readObject(object, tables);
    } catch (error) {
      if (!(error instanceof ObjectError)) throw error;
      problems.push({ line: index + 1, message: error.message });
    }
  }
  return { ruleset: { tables: [...tables.values()] }, objects, problems };
}

function readObject(object: JsonObject, tables: Map<string, OpenTable>): void {
  const [kind = '', value] = Object.entries(object)[0] ?? [];
  if (!isObject(value)) throw new ObjectError(`expected ${kind || 'something'} to be an object`);
  switch (kind) {
    case 'table': {
      const family = word(value, 'family');
      if (!FAMILIES.has(family)) throw new ObjectError(`expected a family, found ${family}`);
      const name = word(value, 'name');
      const dormant = flagsOf(value).includes('dormant');
      tables.set(`${family} ${name}`, {
        family: family as NftFamily,
        name,
        dormant,
        chains: new Map(),
        sets: new Map(),
      });
      return;
    }
    case 'chain': {
      const name = word(value, 'name');
      const base = readBase(value);
      tableOf(value, tables).chains.set(name, { name, ...(base && { base }), rules: [] });
      return;
    }
    case 'rule': {
      const name = word(value, 'chain');
      const chain = tableOf(value, tables).chains.get(name);
      if (!chain) throw new ObjectError(`expected the chain ${name} before its rule`);
      chain.rules.push(readRule(value));
      return;
    }
    case 'set':
    case 'map': {
      const name = word(value, 'name');
      const elements = value['elem'];
      tableOf(value, tables).sets.set(name, {
        name,
        isMap: kind === 'map',
        ...(value['type'] !== undefined && { type: readTypes(value['type']) }),
        ...(value['map'] !== undefined && { map: readTypes(value['map']) }),
        flags: flagsOf(value),
        elements: Array.isArray(elements) ? (elements as readonly Json[]) : [],
      });
      return;
    }
    default:
  }
}

function tableOf(value: JsonObject, tables: Map<string, OpenTable>): OpenTable {
  const key = `${word(value, 'family')} ${word(value, 'table')}`;
  const table = tables.get(key);
  if (!table) throw new ObjectError(`expected the table ${key} before what is in it`);
  return table;
}

function word(value: JsonObject, name: string): string {
  const its = value[name];
  if (typeof its !== 'string') throw new ObjectError(`expected "${name}" to be a word, found ${JSON.stringify(its)}`);
  return its;
}

function flagsOf(value: JsonObject): string[] {
  const flags = value['flags'];
  if (typeof flags === 'string') return [flags];
  return Array.isArray(flags) ? (flags as readonly Json[]).map(printWord) : [];
}

/** One type is a word, several are a list or, as a map's values, words with dots between them. */
function readTypes(types: Json): string[] {
  return Array.isArray(types) ? (types as readonly Json[]).map(printWord) : printWord(types).split(' . ');
}

function readBase(value: JsonObject): NftBase | undefined {
  const { type, hook, prio, policy, dev } = value;
  if (typeof hook !== 'string') return undefined;
  if (typeof type !== 'string') throw new ObjectError(`expected "type" of a base chain, found ${JSON.stringify(type)}`);
  if (typeof prio !== 'number') throw new ObjectError(`expected "prio" to be a number, found ${JSON.stringify(prio)}`);
  return {
    type,
    hook,
    priority: prio,
    policy: policy === 'drop' ? 'drop' : 'accept',
    ...(typeof dev === 'string' && { device: dev }),
  };
}

function readRule(value: JsonObject): NftRule {
  const { expr, handle, comment } = value;
  if (!Array.isArray(expr)) throw new ObjectError(`expected "expr" to be a list, found ${JSON.stringify(expr)}`);
  const statements = (expr as readonly Json[]).map((statement) => {
    if (!isObject(statement) || Object.keys(statement).length === 0) {
      throw new ObjectError(`expected a statement, found ${JSON.stringify(statement)}`);
    }
    return statement;
  });
  return {
    ...(typeof handle === 'number' && { handle }),
    ...(typeof comment === 'string' && { comment }),
    statements,
  };
}
