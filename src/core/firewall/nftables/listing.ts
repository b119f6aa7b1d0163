/** What nftables lists of a table, as objects. */
import type { NftElementObject, NftObject, NftValue } from '../../plan/object.ts';
import type { Json, JsonObject, NftBase, NftRule } from '../nft/ruleset.ts';
import type { Family } from '../rule.ts';

/**
 * The objects of `nft -j list table`, of its families ip and ip6. Elements that no layout of ours
 * makes (prefixes, ranges) are left out.
 *
 * @param entries the array that is `nftables` in the listing
 */
export function nftObjects(entries: readonly JsonObject[]): NftObject[] {
  const objects: NftObject[] = [];
  const rules = new Map<string, NftRule[]>();
  const rulesOf = (family: string, table: string, chain: string): NftRule[] => {
    const its = `${family} ${table} ${chain}`;
    const known = rules.get(its) ?? [];
    rules.set(its, known);
    return known;
  };
  for (const entry of entries) {
    for (const [kind, json] of Object.entries(entry)) {
      if (!isObject(json) || (json['family'] !== 'ip' && json['family'] !== 'ip6')) continue;
      const family: Family = json['family'];
      const name = text(json['name']);
      const table = text(json['table']);
      if (kind === 'table') {
        objects.push({ kind: 'nft-table', family, name });
      } else if (kind === 'chain') {
        const base = baseOf(json);
        objects.push({
          kind: 'nft-chain',
          family,
          table,
          name,
          ...(base && { base }),
          rules: rulesOf(family, table, name),
        });
      } else if (kind === 'rule') {
        const comment = json['comment'];
        rulesOf(family, table, text(json['chain'])).push({
          statements: list(json['expr']).filter(isObject),
          ...(comment !== undefined && { comment: text(comment) }),
        });
      } else if (kind === 'set' || kind === 'map') {
        const type = types(json['type']);
        const map = kind === 'map' ? { map: types(json['map']) } : {};
        objects.push({ kind: 'nft-set', family, table, name, type, ...map });
        for (const element of list(json['elem'])) {
          const parsed = elementOf(element, kind === 'map');
          if (parsed) objects.push({ kind: 'nft-element', family, table, set: name, ...parsed });
        }
      }
    }
  }
  return objects;
}

function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

const text = (json: Json | undefined): string => (typeof json === 'string' ? json : '');
const list = (json: Json | undefined): readonly Json[] => (Array.isArray(json) ? (json as readonly Json[]) : []);

/** One type is a text, several are a list or, as a map's values, one text with dots. */
function types(json: Json | undefined): string[] {
  return Array.isArray(json) ? list(json).map(text) : text(json).split(' . ');
}

function baseOf({ type, hook, prio, policy }: JsonObject): NftBase | undefined {
  if (hook === undefined) return undefined;
  return {
    type: text(type),
    hook: text(hook),
    priority: Number(prio),
    policy: policy === 'drop' ? 'drop' : 'accept',
  };
}

function elementOf(element: Json, isMap: boolean): Pick<NftElementObject, 'key' | 'value' | 'verdict'> | undefined {
  if (!isMap) {
    const key = values(element);
    return key && { key };
  }
  const [left = null, right = null] = list(element);
  const key = values(left);
  const value = values(right);
  const verdict = verdictOf(right);
  if (!key || (!value && verdict === undefined)) return undefined;
  return { key, ...(verdict === undefined ? value && { value } : { verdict }) };
}

/** An element that bears more than its value (a counter, a comment) is wrapped. */
function values(json: Json): readonly NftValue[] | undefined {
  if (typeof json === 'string' || typeof json === 'number') return [json];
  if (!isObject(json)) return undefined;
  const { concat, elem } = json;
  if (isObject(elem)) return values(elem['val'] ?? null);
  const parts = list(concat);
  return parts.length > 0 && parts.every((part) => typeof part === 'string' || typeof part === 'number')
    ? parts
    : undefined;
}

const VERDICTS: ReadonlySet<string> = new Set(['accept', 'drop', 'return', 'jump', 'goto']);

function verdictOf(json: Json): string | undefined {
  if (!isObject(json)) return undefined;
  const [verdict = '', data = null] = Object.entries(json)[0] ?? [];
  if (!VERDICTS.has(verdict)) return undefined;
  return isObject(data) ? `${verdict} ${text(data['target'])}` : verdict;
}
