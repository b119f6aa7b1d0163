/**
 * IPv4 and IPv6 addresses as small values of one shape, so that comparing them is integer work.
 * Records and the API speak of addresses as canonical text; parse at the border, print on the way out.
 */
import { parseIpv4, printIpv4 } from './ipv4.ts';
import { parseIpv6, printIpv6 } from './ipv6.ts';

export type Version = 4 | 6;

/** Four unsigned 32 bit words, the highest first. An IPv4 address is in the last one, the others are 0. */
export type Words = readonly [number, number, number, number];

export interface Address {
  readonly version: Version;
  readonly words: Words;
}

/** Bits of an address of each version. */
export const BITS: Readonly<Record<Version, number>> = { 4: 32, 6: 128 };

/** Strict: four decimal parts without leading zeros, or RFC 4291 text without a zone. Undefined if it is neither. */
export function parseAddress(text: string): Address | undefined {
  if (text.includes(':')) {
    const words = parseIpv6(text);
    return words && { version: 6, words };
  }
  const value = parseIpv4(text);
  return value === undefined ? undefined : { version: 4, words: [0, 0, 0, value] };
}

/** Canonical text: dotted decimal, or RFC 5952 with IPv4-mapped addresses as `::ffff:192.0.2.1`. */
export function printAddress(address: Address): string {
  return address.version === 4 ? printIpv4(address.words[3]) : printIpv6(address.words);
}

export function equalAddresses(a: Address, b: Address): boolean {
  return a.version === b.version && compareWords(a.words, b.words) === 0;
}

/** Negative, 0 or positive; IPv4 stands before IPv6. */
export function compareAddresses(a: Address, b: Address): number {
  return a.version - b.version || compareWords(a.words, b.words);
}

function compareWords(a: Words, b: Words): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}

/** The address as an unsigned integer. */
export function addressValue({ words: [a, b, c, d] }: Address): bigint {
  return (BigInt(a) << 96n) | (BigInt(b) << 64n) | (BigInt(c) << 32n) | BigInt(d);
}

/** The address of that integer; undefined if the version has no such address. */
export function addressOf(version: Version, value: bigint): Address | undefined {
  if (value < 0n || value >> BigInt(BITS[version]) !== 0n) return undefined;
  const word = (shift: bigint) => Number((value >> shift) & 0xffffffffn);
  return { version, words: [word(96n), word(64n), word(32n), word(0n)] };
}

/** `address` + `by`; undefined beyond the first or last address. */
export function offsetAddress(address: Address, by: bigint): Address | undefined {
  return addressOf(address.version, addressValue(address) + by);
}

/** The address behind this one; undefined behind the last. */
export function nextAddress(address: Address): Address | undefined {
  const { version, words } = address;
  const [a, b, c, d] = words;
  // Walks take this way nearly always: it makes no big integer.
  return d < 0xffffffff ? { version, words: [a, b, c, d + 1] } : offsetAddress(address, 1n);
}

/** An IPv4-mapped IPv6 address as the IPv4 address that it stands for; all others as they are. */
export function unmapAddress(address: Address): Address {
  const [a, b, c, d] = address.words;
  if (address.version === 4 || a !== 0 || b !== 0 || c !== 0xffff) return address;
  return { version: 4, words: [0, 0, 0, d] };
}

/** `0.0.0.0` or `::`. */
export function isUnspecified({ words: [a, b, c, d] }: Address): boolean {
  return a === 0 && b === 0 && c === 0 && d === 0;
}

/** 127.0.0.0/8 or `::1`. */
export function isLoopback({ version, words: [a, b, c, d] }: Address): boolean {
  return version === 4 ? d >>> 24 === 127 : a === 0 && b === 0 && c === 0 && d === 1;
}

/** 224.0.0.0/4 or ff00::/8. */
export function isMulticast({ version, words: [a, , , d] }: Address): boolean {
  return version === 4 ? d >>> 28 === 14 : a >>> 24 === 0xff;
}

/** 169.254.0.0/16 or fe80::/10. */
export function isLinkLocal({ version, words: [a, , , d] }: Address): boolean {
  return version === 4 ? d >>> 16 === 0xa9fe : a >>> 22 === 0x3fa;
}
