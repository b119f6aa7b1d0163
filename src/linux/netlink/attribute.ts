/** Netlink attributes: type, length and value, nested and padded to four bytes. */
import { readU16, writeU16 } from '../bytes.ts';

const HEADER = 4;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

/** An attribute; a list as value nests. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]];

const padding = (length: number) => (4 - (length % 4)) % 4;

/** The attributes, behind the `head` of their message. */
export function encodeAttributes(attributes: readonly Attribute[], head: Uint8Array = NO_HEAD): Uint8Array {
  const bytes = new Uint8Array(head.length + lengthOf(attributes));
  bytes.set(head);
  write(bytes, head.length, attributes);
  return bytes;
}

const NO_HEAD = new Uint8Array();

function lengthOf(value: Attribute[1]): number {
  if (value instanceof Uint8Array) return value.length;
  let length = 0;
  for (const [, inner] of value) {
    const its = HEADER + lengthOf(inner);
    length += its + padding(its);
  }
  return length;
}

/** In place: a change of a thousand ports has some ten thousand. Returns where the next one stands. */
function write(bytes: Uint8Array, start: number, attributes: readonly Attribute[]): number {
  let at = start;
  for (const [type, value] of attributes) {
    const nested = !(value instanceof Uint8Array);
    const end = at + HEADER;
    const next = nested ? write(bytes, end, value) : end + value.length;
    if (!nested) bytes.set(value, end);
    writeU16(bytes, at, next - at);
    writeU16(bytes, at + 2, nested ? type | NLA_F_NESTED : type);
    at = next + padding(next - at);
  }
  return at;
}

/** The attributes by type; of those of one type the last. Decode a nested one's value in turn. */
export function decodeAttributes(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  eachAttribute(bytes, (type, value) => attributes.set(type, value));
  return attributes;
}

/** The values of a list, whose attributes are all of one type, in their order. */
export function decodeList(bytes: Uint8Array): readonly Uint8Array[] {
  const values: Uint8Array[] = [];
  eachAttribute(bytes, (_, value) => values.push(value));
  return values;
}

function eachAttribute(bytes: Uint8Array, take: (type: number, value: Uint8Array) => void): void {
  let at = 0;
  while (at + HEADER <= bytes.length) {
    const length = readU16(bytes, at);
    if (length < HEADER || at + length > bytes.length) break;
    take(readU16(bytes, at + 2) & NLA_TYPE_MASK, bytes.subarray(at + HEADER, at + length));
    at += length + padding(length);
  }
}

const NOTHING: ReadonlyMap<number, Uint8Array> = new Map();

/** The attributes nested in the one of `type`; none, if it is not there. */
export function decodeNested(
  attributes: ReadonlyMap<number, Uint8Array>,
  type: number,
): ReadonlyMap<number, Uint8Array> {
  const value = attributes.get(type);
  return value ? decodeAttributes(value) : NOTHING;
}
