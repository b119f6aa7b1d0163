import { parseIpv4 } from './ipv4.ts';

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

/** `02:42` and the four octets of an IPv4 address, given as text: locally administered, and readable on the wire. */
export function macFromIpv4(address: string): string {
  return localMac(parseIpv4(address)!.toString(16).padStart(8, '0'));
}

/** `02:42` and four octets of the caller's choice, given as 8 hexadecimal digits. */
export function localMac(digits: string): string {
  return printMac(`0242${digits}`);
}
