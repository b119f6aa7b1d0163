import type { Words } from './address.ts';
import { parseIpv4, printIpv4 } from './ipv4.ts';

const GROUPS = 8;
const GROUP = /^[0-9a-f]{1,4}$/i;

/** The words of RFC 4291 text, its last 32 bits perhaps in dotted decimal; undefined for anything else, zones included. */
export function parseIpv6(text: string): Words | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const compressed = halves.length === 2;
  const head = parseGroups(halves[0]!, !compressed);
  const tail = compressed ? parseGroups(halves[1]!, true) : [];
  if (!head || !tail) return undefined;
  const missing = GROUPS - head.length - tail.length;
  // `::` stands for one group at least.
  if (compressed ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail];
  const word = (index: number) => groups[index]! * 0x10000 + groups[index + 1]!;
  return [word(0), word(2), word(4), word(6)];
}

/** Groups of text between colons. The last one may be an IPv4 address if the text ends there. */
function parseGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (GROUP.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const ipv4 = atEnd && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (ipv4 === undefined) return undefined;
    groups.push(ipv4 >>> 16, ipv4 & 0xffff);
  }
  return groups;
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
export function printIpv6(words: Words): string {
  const [a, b, c, d] = words;
  if (a === 0 && b === 0 && c === 0xffff) return `::ffff:${printIpv4(d)}`;
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  const { start, length } = longestZeros(groups);
  const print = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return print(groups);
  return `${print(groups.slice(0, start))}::${print(groups.slice(start + length))}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > longest.length) longest = { start: index - length + 1, length };
  }
  return longest;
}
