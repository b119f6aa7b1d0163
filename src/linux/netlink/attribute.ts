/** Netlink attributes: type, length and value, nested and padded to four bytes. */
import { concat, pack, readU16 } from '../bytes.ts';

const HEADER = 4;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

/** An attribute; a list as value nests. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]];

const padding = (length: number) => (4 - (length % 4)) % 4;

export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  return concat(
    attributes.flatMap(([type, value]) => {
      const nested = !(value instanceof Uint8Array);
      const bytes = nested ? encodeAttributes(value) : value;
      const header = pack([HEADER + bytes.length, 'u16'], [nested ? type | NLA_F_NESTED : type, 'u16']);
      return [header, bytes, new Uint8Array(padding(bytes.length))];
    }),
  );
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
