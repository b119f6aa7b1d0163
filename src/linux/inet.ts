/** Internet addresses as the kernel takes them: 4 or 16 bytes in network order. */
import { type Address, BITS, parseAddress, printAddress } from '../core/address/address.ts';
import { parseCidr } from '../core/address/prefix.ts';

export const AF_INET = 2;
export const AF_INET6 = 10;
export type AddressFamily = typeof AF_INET | typeof AF_INET6;

export const familyOf = (host: Uint8Array): AddressFamily => (host.length === 4 ? AF_INET : AF_INET6);

function bytesOf(address: Address): Uint8Array {
  const length = BITS[address.version] / 8;
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) {
    const byte = 16 - length + at;
    bytes[at] = address.words[byte >> 2]! >>> (24 - 8 * (byte & 3));
  }
  return bytes;
}

/** The bytes of an address in text. Throws TypeError if it is none. */
export function hostBytes(text: string): Uint8Array {
  const address = parseAddress(text);
  if (!address) throw new TypeError(`${text} is not an IP address`);
  return bytesOf(address);
}

export function printHost(bytes: Uint8Array): string {
  const words = new Uint8Array(16);
  words.set(bytes, 16 - bytes.length);
  const view = new DataView(words.buffer);
  return printAddress({
    version: bytes.length === 4 ? 4 : 6,
    words: [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)],
  });
}

/** An address with its prefix length, host bits kept: `172.18.0.1/16`. Throws TypeError if it is none. */
export function parseNetwork(text: string): { readonly host: Uint8Array; readonly length: number } {
  const cidr = parseCidr(text);
  if (!cidr) throw new TypeError(`${text} is not an IP address with its prefix length`);
  return { host: bytesOf(cidr.address), length: cidr.prefix.length };
}

export const printNetwork = (host: Uint8Array, length: number): string => `${printHost(host)}/${length}`;
