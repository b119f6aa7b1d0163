import type { Address } from './address.ts';

const OCTETS = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}$/i;
const DOTTED = /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/i;

/** `02:42:ac:12:00:02` from that, from `02-42-…` or from `0242.ac12.0002`; undefined for anything else. */
export function parseMac(text: string): string | undefined {
  if (!OCTETS.test(text) && !DOTTED.test(text)) return undefined;
  return printMac(text.replaceAll(/[:.-]/g, ''));
}

/** From 12 hexadecimal digits. */
function printMac(digits: string): string {
  return digits.toLowerCase().match(/../g)!.join(':');
}

/** `02:42` and the four octets of an IPv4 address: locally administered, and readable on the wire. */
export function macOfIpv4(address: Address): string {
  return printMac(`0242${address.words[3].toString(16).padStart(8, '0')}`);
}

/** `02:42` and four random octets, given as 8 hexadecimal digits. */
export function randomMac(digits: string): string {
  return printMac(`0242${digits}`);
}
