/** An nftables rule set as values: what `nft -j list ruleset` prints, ordered by table and chain. */
import type { Reason } from '../../plan/object.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** A word or number as text; what is neither as JSON. */
export function printWord(json: Json | undefined): string {
  return typeof json === 'string' ? json : json === undefined ? '' : JSON.stringify(json);
}

export type NftFamily = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';

export interface NftBase {
  readonly type: string;
  readonly hook: string;
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  readonly device?: string;
}

export interface NftRule {
  readonly handle?: number;
  readonly comment?: string;
  /** Statements in libnftables' JSON schema: `{ match: … }`, `{ accept: null }`. */
  readonly statements: readonly JsonObject[];
  readonly reason?: Reason;
}

export interface NftChain {
  readonly name: string;
  readonly base?: NftBase;
  readonly rules: readonly NftRule[];
}

/** A set, or with `map` a map or verdict map. */
export interface NftSet {
  readonly name: string;
  readonly isMap: boolean;
  /** The types of its keys' parts, and of a map's values: `ipv4_addr`, `verdict`; as far as they are told. */
  readonly type?: readonly string[];
  readonly map?: readonly string[];
  readonly flags: readonly string[];
  /** Elements in the JSON schema: a value, `{ elem: … }`, `{ prefix: … }`, `{ range: … }`, of maps `[key, value]`. */
  readonly elements: readonly Json[];
}

export interface NftTable {
  readonly family: NftFamily;
  readonly name: string;
  readonly dormant: boolean;
  readonly chains: ReadonlyMap<string, NftChain>;
  readonly sets: ReadonlyMap<string, NftSet>;
}

export interface NftRuleset {
  /** In the order of their making. */
  readonly tables: readonly NftTable[];
}

export const EMPTY_RULESET: NftRuleset = { tables: [] };
