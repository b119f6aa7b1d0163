/** Values that nftables' expressions give, and how they compare with what a rule, set or map holds. */
import { compareAddresses, equalAddresses, parseAddress, type Address } from '../../address/address.ts';
import { containsAddress, prefixOf } from '../../address/prefix.ts';
import type { Json, JsonObject } from '../../firewall/nft/ruleset.ts';
import { protocolNumber } from './packet.ts';

/** `names` says how words stand for numbers in that place. */
export type NftValue =
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'number'; readonly number: number; readonly names?: Names }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'concat'; readonly parts: readonly NftValue[] };

export type Names = (word: string) => number | undefined;

const table =
  (words: Readonly<Record<string, number>>): Names =>
  (word) =>
    words[word];

export const PROTOCOLS: Names = protocolNumber;
export const STATES: Names = table({ invalid: 1, established: 2, related: 4, new: 8, untracked: 64 });
export const STATUSES: Names = table({
  expected: 1,
  'seen-reply': 2,
  assured: 4,
  confirmed: 8,
  snat: 16,
  dnat: 32,
  dying: 512,
});
export const DIRECTIONS: Names = table({ original: 0, reply: 1 });
export const TCP_FLAGS: Names = table({ fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 });
export const NF_PROTOCOLS: Names = table({ ipv4: 2, ipv6: 10 });
export const ETHER_TYPES: Names = table({ ip: 0x0800, ip6: 0x86dd, arp: 0x0806 });
export const ICMP_TYPES: Names = table({
  'echo-reply': 0,
  'destination-unreachable': 3,
  'source-quench': 4,
  redirect: 5,
  'echo-request': 8,
  'router-advertisement': 9,
  'router-solicitation': 10,
  'time-exceeded': 11,
  'parameter-problem': 12,
  'timestamp-request': 13,
  'timestamp-reply': 14,
});
export const ICMP6_TYPES: Names = table({
  'destination-unreachable': 1,
  'packet-too-big': 2,
  'time-exceeded': 3,
  'parameter-problem': 4,
  'echo-request': 128,
  'echo-reply': 129,
  'mld-listener-query': 130,
  'mld-listener-report': 131,
  'mld-listener-done': 132,
  'nd-router-solicit': 133,
  'nd-router-advert': 134,
  'nd-neighbor-solicit': 135,
  'nd-neighbor-advert': 136,
  'nd-redirect': 137,
  'mld2-listener-report': 143,
});
export const PACKET_TYPES: Names = table({ host: 0, unicast: 0, broadcast: 1, multicast: 2, other: 3 });

export const number = (value: number, names?: Names): NftValue => ({
  kind: 'number',
  number: value,
  ...(names && { names }),
});
export const text = (value: string): NftValue => ({ kind: 'text', text: value });

export const isObject = (json: Json | undefined): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

/** A number written as one, as a word, or as several flags. */
export function readNumber(json: Json | undefined, names: Names | undefined): number | undefined {
  if (typeof json === 'number') return json;
  if (typeof json === 'boolean') return Number(json);
  if (typeof json === 'string') return names?.(json) ?? (/^(0x[\da-f]+|\d+)$/i.test(json) ? Number(json) : undefined);
  const flags = Array.isArray(json) ? (json as readonly Json[]) : isObject(json) ? json['|'] : undefined;
  if (!Array.isArray(flags)) return undefined;
  let all = 0;
  for (const flag of flags as readonly Json[]) {
    const one = readNumber(flag, names);
    if (one === undefined) return undefined;
    all |= one;
  }
  return all >>> 0;
}

/** Whether `value` is what `json` says: itself, in a prefix, in a range. Undefined: `json` is not understood. */
export function equals(value: NftValue, json: Json): boolean | undefined {
  if (isObject(json)) {
    if ('elem' in json && isObject(json['elem'])) return equals(value, json['elem']['val'] ?? null);
    if ('range' in json && Array.isArray(json['range'])) {
      const [from, to] = json['range'] as readonly Json[];
      const low = compare(value, from ?? null);
      const high = compare(value, to ?? null);
      return low === undefined || high === undefined ? undefined : low >= 0 && high <= 0;
    }
    if ('prefix' in json && isObject(json['prefix'])) {
      const { addr, len } = json['prefix'];
      const network = typeof addr === 'string' ? parseAddress(addr) : undefined;
      if (!network || typeof len !== 'number' || value.kind !== 'address') return undefined;
      return containsAddress(prefixOf(network, len), value.address);
    }
    if ('concat' in json && Array.isArray(json['concat'])) {
      if (value.kind !== 'concat') return undefined;
      const parts = json['concat'] as readonly Json[];
      // Of elements by the thousand nearly all differ in a number, and their addresses are never read.
      for (const [index, part] of value.parts.entries()) {
        const wanted = parts[index];
        if (part.kind === 'number' && typeof wanted === 'number' && wanted !== part.number) return false;
      }
      let all: boolean | undefined = true;
      for (const [index, part] of value.parts.entries()) {
        const one = equals(part, parts[index] ?? null);
        if (one === false) return false;
        if (one === undefined) all = undefined;
      }
      return all;
    }
  }
  switch (value.kind) {
    case 'address': {
      const address = typeof json === 'string' ? parseAddress(json) : undefined;
      return address && equalAddresses(address, value.address);
    }
    case 'text':
      if (typeof json !== 'string') return undefined;
      return json === '*' || json === value.text || (json.endsWith('*') && value.text.startsWith(json.slice(0, -1)));
    case 'number': {
      const other = readNumber(json, value.names);
      return other === undefined ? undefined : other === value.number;
    }
    case 'concat':
      return json === '*' ? true : undefined;
  }
}

export function compare(value: NftValue, json: Json): number | undefined {
  if (value.kind === 'address') {
    const address = typeof json === 'string' ? parseAddress(json) : undefined;
    return address && compareAddresses(value.address, address);
  }
  if (value.kind !== 'number') return undefined;
  const other = readNumber(json, value.names);
  return other === undefined ? undefined : value.number - other;
}
