/** Where the subnets of networks are taken from that do not ask for one. */
import type { Version } from '../address/address.ts';
import { parsePrefix, type Prefix } from '../address/prefix.ts';
import { EngineError } from '../network/error.ts';

/** `base` is cut into subnets with prefix length `size`: an entry of the option default-address-pool. */
export interface PoolSource {
  readonly base: string;
  readonly size: number;
}

/** Docker's own, in its order: 15 subnets of 172.17 to 172.31, then 16 of 192.168. */
export const DEFAULT_SOURCES: readonly PoolSource[] = [
  { base: '172.17.0.0/16', size: 16 },
  { base: '172.18.0.0/16', size: 16 },
  { base: '172.19.0.0/16', size: 16 },
  { base: '172.20.0.0/14', size: 16 },
  { base: '172.24.0.0/14', size: 16 },
  { base: '172.28.0.0/14', size: 16 },
  { base: '192.168.0.0/16', size: 20 },
];

/** The host's own unique local block (RFC 4193), from its ten hexadecimal digits. */
export function uniqueLocalSource(digits: string): PoolSource {
  return { base: `fd${digits.slice(0, 2)}:${digits.slice(2, 6)}:${digits.slice(6)}::/48`, size: 64 };
}

/** A source that was checked. */
export interface ParsedSource {
  readonly base: Prefix;
  readonly size: number;
}

const parsed = new WeakMap<PoolSource, ParsedSource>();

/** Parses each once. Throws invalid, naming the entry. */
export function parseSource(source: PoolSource): ParsedSource {
  let result = parsed.get(source);
  if (!result) parsed.set(source, (result = parse(source)));
  return result;
}

function parse({ base, size }: PoolSource): ParsedSource {
  const prefix = parsePrefix(base);
  if (!prefix) throw new EngineError('invalid', `invalid base pool "${base}": it should be a network in CIDR notation`);
  const longest = prefix.address.version === 4 ? 32 : 128;
  if (!Number.isInteger(size) || size < prefix.length || size > longest) {
    throw new EngineError(
      'invalid',
      `invalid pools size: ${size} (base pool ${base} allows ${prefix.length} to ${longest})`,
    );
  }
  return { base: prefix, size };
}

export function ofVersion(sources: readonly ParsedSource[], version: Version): readonly ParsedSource[] {
  return sources.filter(({ base }) => base.address.version === version);
}
