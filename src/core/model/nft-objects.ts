/** nftables' objects as a rule set for the model. */
import type { Json, NftChain, NftSet, NftTable } from '../firewall/nft/ruleset.ts';
import type { NftElementObject, NftObject, NftValue } from '../plan/object.ts';

interface OpenTable extends Omit<NftTable, 'chains' | 'sets'> {
  readonly chains: Map<string, NftChain>;
  readonly sets: Map<string, NftSet & { readonly elements: Json[] }>;
}

/** Tables in the order in which their first object comes. */
export class RulesetBuilder {
  readonly #tables = new Map<string, OpenTable>();

  add(object: NftObject): void {
    switch (object.kind) {
      case 'nft-table':
        this.#table(object.family, object.name);
        break;
      case 'nft-set': {
        const { family, table, name, type, map } = object;
        const set = { name, isMap: map !== undefined, flags: [], type, ...(map && { map }), elements: [] };
        this.#table(family, table).sets.set(name, set);
        break;
      }
      case 'nft-chain': {
        const { family, table, name, base, rules } = object;
        this.#table(family, table).chains.set(name, { name, ...(base && { base }), rules });
        break;
      }
      case 'nft-element': {
        const { family, table, set } = object;
        this.#table(family, table).sets.get(set)?.elements.push(elementJson(object));
        break;
      }
    }
  }

  build(): readonly NftTable[] {
    return [...this.#tables.values()];
  }

  #table(family: 'ip' | 'ip6', name: string): OpenTable {
    const key = `${family} ${name}`;
    let table = this.#tables.get(key);
    if (!table) {
      this.#tables.set(key, (table = { family, name, dormant: false, chains: new Map(), sets: new Map() }));
    }
    return table;
  }
}

function elementJson({ key, value, verdict }: NftElementObject): Json {
  if (value) return [valueJson(key), valueJson(value)];
  return verdict === undefined ? valueJson(key) : [valueJson(key), verdictJson(verdict)];
}

const valueJson = (parts: readonly NftValue[]): Json => (parts.length === 1 ? parts[0]! : { concat: parts });

function verdictJson(text: string): Json {
  const [verdict = '', target] = text.split(' ');
  return { [verdict]: target === undefined ? null : { target } };
}
