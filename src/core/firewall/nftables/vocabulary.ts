/** The vocabulary that the nftables layout's rules are written in: libnftables' JSON (libnftables-json(5)). */
import type { Json, JsonObject, NftRule } from '../nft/ruleset.ts';
import { ENGINE } from '../../plan/owner.ts';
import type { Mark } from '../mark.ts';
import type { Family } from '../rule.ts';

export const ACCEPT: JsonObject = { accept: null };
export const DROP: JsonObject = { drop: null };
export const RETURN: JsonObject = { return: null };
export const MASQUERADE: JsonObject = { masquerade: null };

export const jump = (target: string): JsonObject => ({ jump: { target } });

export const inLink: JsonObject = { meta: { key: 'iifname' } };
export const outLink: JsonObject = { meta: { key: 'oifname' } };
export const protocol: JsonObject = { meta: { key: 'l4proto' } };
export const port: JsonObject = { payload: { protocol: 'th', field: 'dport' } };
export const destination = (family: Family): JsonObject => ({ payload: { protocol: family, field: 'daddr' } });
export const source = (family: Family): JsonObject => ({ payload: { protocol: family, field: 'saddr' } });
export const concat = (...parts: readonly JsonObject[]): JsonObject => ({ concat: parts });

const match = (op: string, left: Json, right: Json): JsonObject => ({ match: { op, left, right } });

export const is = (left: JsonObject, right: Json): JsonObject => match('==', left, right);
export const isNot = (left: JsonObject, right: Json): JsonObject => match('!=', left, right);
export const among = (left: JsonObject, set: string): JsonObject => match('==', left, `@${set}`);
export const notAmong = (left: JsonObject, set: string): JsonObject => match('!=', left, `@${set}`);

export const established: JsonObject = match('in', { ct: { key: 'state' } }, ['established', 'related']);
export const translated: JsonObject = match('in', { ct: { key: 'status' } }, 'dnat');
export const untranslated: JsonObject = match('!', { ct: { key: 'status' } }, 'dnat');
export const toOneself: JsonObject = match('==', { fib: { result: 'type', flags: ['daddr'] } }, 'local');

export const marked = ({ value, mask }: Mark): JsonObject => {
  const mark = { meta: { key: 'mark' } };
  return match('==', mask === undefined ? mark : { '&': [mark, mask] }, value);
};

export const verdictFrom = (key: JsonObject, map: string): JsonObject => ({ vmap: { key, data: `@${map}` } });
const lookUp = (key: JsonObject, map: string): JsonObject => ({ map: { key, data: `@${map}` } });
export const dnat = (family: Family, key: JsonObject, map: string): JsonObject => ({
  dnat: { family, addr: lookUp(key, map) },
});
export const snat = (key: JsonObject, map: string): JsonObject => ({ snat: { addr: lookUp(key, map) } });

export function rule(why: string, ...statements: readonly JsonObject[]): NftRule {
  return { statements, comment: digest(JSON.stringify(statements)), reason: { owner: ENGINE, why } };
}

/** FNV-1a, 32 bits, hexadecimal. */
function digest(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
