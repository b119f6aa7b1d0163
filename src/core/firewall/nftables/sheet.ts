import { desired } from '../../plan/desired.ts';
import type { Desired, NftElementObject, NftObject, NftValue, Owner } from '../../plan/object.ts';
import { key } from '../../plan/key.ts';
import type { NftBase, NftRule } from '../nft/ruleset.ts';
import type { Family } from '../rule.ts';
import { RuleTextError } from '../word.ts';

/** Our table: one for each family. */
export const TABLE = 'passerelle';

/** Collects one owner's objects of one family. */
export class Sheet {
  readonly family: Family;
  readonly #owner: Owner;
  readonly #objects = new Map<string, Desired<NftObject>>();

  constructor(family: Family, owner: Owner) {
    this.family = family;
    this.#owner = owner;
  }

  /** Without twins: two host ports may lead to one container port, which is let in once. */
  get objects(): readonly Desired<NftObject>[] {
    return [...this.#objects.values()];
  }

  table(why: string): void {
    this.#put({ kind: 'nft-table', family: this.family, name: TABLE }, why);
  }

  set(name: string, type: readonly string[], why: string): void {
    this.#put({ kind: 'nft-set', ...this.#place, name, type }, why);
  }

  map(name: string, type: readonly string[], map: readonly string[], why: string): void {
    this.#put({ kind: 'nft-set', ...this.#place, name, type, map }, why);
  }

  chain(name: string, base: NftBase | undefined, rules: readonly NftRule[], why: string): void {
    this.#put({ kind: 'nft-chain', ...this.#place, name, ...(base && { base }), rules }, why);
  }

  openChain(name: string, why: string): void {
    this.#put({ kind: 'nft-chain', ...this.#place, name, rules: [], open: true }, why);
  }

  element(
    set: string,
    its: readonly NftValue[],
    why: string,
    data: Pick<NftElementObject, 'value' | 'verdict'> = {},
  ): void {
    for (const value of [...its, ...(data.value ?? [])]) refuseSpecial(value);
    this.#put({ kind: 'nft-element', ...this.#place, set, key: its, ...data }, why);
  }

  get #place(): { readonly family: Family; readonly table: string } {
    return { family: this.family, table: TABLE };
  }

  #put(object: NftObject, why: string): void {
    const its = key(object);
    if (!this.#objects.has(its)) this.#objects.set(its, desired(object, this.#owner, why));
  }
}

/** `@x` would be read as a set, `x*` as all names that begin so. */
function refuseSpecial(value: NftValue): void {
  if (typeof value === 'string' && /^@|[*\\]/.test(value)) {
    throw new RuleTextError(`${JSON.stringify(value)} can't stand in a firewall rule`);
  }
}
