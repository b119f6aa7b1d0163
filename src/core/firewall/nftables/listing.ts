/** What nftables lists of our tables, as objects. */
import type { NftElementObject, NftObject, NftValue } from '../../plan/object.ts';
import { readRuleset } from '../nft/parse.ts';
import { printWord, type Json, type JsonObject } from '../nft/ruleset.ts';

/**
 * The objects of tables of the families ip and ip6. Elements that no layout of ours makes (prefixes,
 * ranges) are left out.
 *
 * @param listing the list that is `nftables` in what `nft -j list` prints
 */
export function nftObjects(listing: readonly Json[]): NftObject[] {
  const objects: NftObject[] = [];
  for (const { family, name: table, chains, sets } of readRuleset(listing).ruleset.tables) {
    if (family !== 'ip' && family !== 'ip6') continue;
    const place = { family, table };
    objects.push({ kind: 'nft-table', family, name: table });
    for (const { name, isMap, type = [], map, elements } of sets.values()) {
      objects.push({ kind: 'nft-set', ...place, name, type, ...(map && { map }) });
      for (const element of elements) {
        const read = isMap ? mapElement(element) : setElement(element);
        if (read) objects.push({ kind: 'nft-element', ...place, set: name, ...read });
      }
    }
    for (const chain of chains.values()) objects.push({ kind: 'nft-chain', ...place, ...chain });
  }
  return objects;
}

type ElementContent = Pick<NftElementObject, 'key' | 'value' | 'verdict'>;

function setElement(element: Json): ElementContent | undefined {
  const key = values(element);
  return key && { key };
}

function mapElement(element: Json): ElementContent | undefined {
  const [left = null, right = null] = Array.isArray(element) ? (element as readonly Json[]) : [];
  const key = values(left);
  const value = values(right);
  const verdict = verdictOf(right);
  if (!key) return undefined;
  if (verdict !== undefined) return { key, verdict };
  return value && { key, value };
}

function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

const isValue = (json: Json): json is NftValue => typeof json === 'string' || typeof json === 'number';

/** An element that bears more than its value (a counter, a comment) is wrapped. */
function values(json: Json): readonly NftValue[] | undefined {
  if (isValue(json)) return [json];
  if (!isObject(json)) return undefined;
  const { concat, elem } = json;
  if (isObject(elem)) return values(elem['val'] ?? null);
  return Array.isArray(concat) && (concat as readonly Json[]).every(isValue) ? (concat as NftValue[]) : undefined;
}

const VERDICTS: ReadonlySet<string> = new Set(['accept', 'drop', 'return', 'jump', 'goto']);

function verdictOf(json: Json): string | undefined {
  if (!isObject(json)) return undefined;
  const [verdict = '', data = null] = Object.entries(json)[0] ?? [];
  if (!VERDICTS.has(verdict)) return undefined;
  return isObject(data) ? `${verdict} ${printWord(data['target'])}` : verdict;
}
