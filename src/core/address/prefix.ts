/** Blocks of addresses: an address of which the first `length` bits count. */
import {
  addressOf,
  addressValue,
  BITS,
  equalAddresses,
  isUnspecified,
  offsetAddress,
  parseAddress,
  printAddress,
  type Address,
  type Words,
} from './address.ts';

export interface Prefix {
  /** The network address: all bits behind `length` are 0. */
  readonly address: Address;
  readonly length: number;
  /** The words of the netmask; an IPv4 mask is in the last one. */
  readonly mask: Words;
}

/** A host's address together with the block that it lies in: `172.18.0.2/16`. */
export interface Cidr {
  readonly address: Address;
  readonly prefix: Prefix;
}

const LENGTH = /^(?:0|[1-9]\d{0,2})$/;

/** `address/length`, host bits allowed; undefined if it is not that. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? '' : text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (!address || !LENGTH.test(length) || Number(length) > BITS[address.version]) return undefined;
  return { address, prefix: prefixOf(address, Number(length)) };
}

/** `network/length`; undefined if it is not that, or if host bits are set. */
export function parsePrefix(text: string): Prefix | undefined {
  const cidr = parseCidr(text);
  return cidr && !hasHostBits(cidr) ? cidr.prefix : undefined;
}

export function hasHostBits({ address, prefix }: Cidr): boolean {
  return !equalAddresses(address, prefix.address);
}

/** The block of that length which `address` lies in. */
export function prefixOf(address: Address, length: number): Prefix {
  const leading = length + 128 - BITS[address.version];
  const mask = [0, 1, 2, 3].map((index) =>
    address.version === 4 && index < 3 ? 0 : maskWord(leading - index * 32),
  ) as unknown as Words;
  const words = address.words.map((word, index) => (word & mask[index]!) >>> 0) as unknown as Words;
  return { address: { version: address.version, words }, length, mask };
}

function maskWord(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0;
}

export function printPrefix(prefix: Prefix): string {
  return `${printAddress(prefix.address)}/${prefix.length}`;
}

export function containsAddress(prefix: Prefix, address: Address): boolean {
  if (prefix.address.version !== address.version) return false;
  const { mask } = prefix;
  const [a, b, c, d] = prefix.address.words;
  const { words } = address;
  const differs =
    ((a ^ words[0]) & mask[0]) | ((b ^ words[1]) & mask[1]) | ((c ^ words[2]) & mask[2]) | ((d ^ words[3]) & mask[3]);
  return differs === 0;
}

export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && containsAddress(outer, inner.address);
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? containsAddress(a, b.address) : containsAddress(b, a.address);
}

/** How many addresses the block has. */
export function prefixSize(prefix: Prefix): bigint {
  return 1n << BigInt(BITS[prefix.address.version] - prefix.length);
}

/** The `index`-th address of the block, the network address being 0; undefined if it has fewer. */
export function nthAddress(prefix: Prefix, index: bigint): Address | undefined {
  return index < 0n || index >= prefixSize(prefix) ? undefined : offsetAddress(prefix.address, index);
}

/** The number of an address within its block. */
export function indexOf(prefix: Prefix, address: Address): bigint {
  return addressValue(address) - addressValue(prefix.address);
}

export function lastAddress(prefix: Prefix): Address {
  return offsetAddress(prefix.address, prefixSize(prefix) - 1n)!;
}

/** The directed broadcast address: IPv6 has none, and no IPv4 block of one or two addresses (RFC 3021). */
export function broadcastAddress(prefix: Prefix): Address | undefined {
  return prefix.address.version === 4 && prefix.length < 31 ? lastAddress(prefix) : undefined;
}

/** The `index`-th block of that length within `prefix`; undefined if there are fewer. */
export function nthPrefix(prefix: Prefix, length: number, index: bigint): Prefix | undefined {
  if (index < 0n || index >= prefixCount(prefix, length)) return undefined;
  const { version } = prefix.address;
  const start = addressValue(prefix.address) + (index << BigInt(BITS[version] - length));
  return prefixOf(addressOf(version, start)!, length);
}

/** How many blocks of that length `prefix` has: none if they are longer than itself. */
export function prefixCount(prefix: Prefix, length: number): bigint {
  return length < prefix.length ? 0n : 1n << BigInt(length - prefix.length);
}

/** `0.0.0.0/24`, `::/64`: a block of which only the size was said. */
export function isSizeOnly(prefix: Prefix): boolean {
  return prefix.length > 0 && isUnspecified(prefix.address);
}

/** `172.18.0.2` of `172.18.0.2/16`. */
export function hostAddress(cidr: string): string {
  return cidr.split('/', 1)[0]!;
}
