/** Numbers and text as the kernel's structures hold them: in the machine's byte order. */
import { endianness } from 'node:os';

const LITTLE = endianness() === 'LE';

/** A number and how it is stored; `be16` is in network byte order. */
export type Field = readonly [value: number, size: 'u8' | 'u16' | 'u32' | 'be16'];

const SIZE = { u8: 1, u16: 2, u32: 4, be16: 2 } as const;

/** A structure of the kernel's, without padding of its own: `pack([1, 'u8'], [2, 'u32'])` is 5 bytes. */
export function pack(...fields: readonly Field[]): Uint8Array {
  let length = 0;
  for (const [, size] of fields) length += SIZE[size];
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const [value, size] of fields) {
    const isLittle = LITTLE && size !== 'be16';
    const last = SIZE[size] - 1;
    // By hand, as below: most of what is asked of the kernel is packed here.
    for (let byte = 0; byte <= last; byte++) bytes[at + (isLittle ? byte : last - byte)] = value >>> (8 * byte);
    at += SIZE[size];
  }
  return bytes;
}

export const u8 = (value: number): Uint8Array => pack([value, 'u8']);
export const u16 = (value: number): Uint8Array => pack([value, 'u16']);
export const u32 = (value: number): Uint8Array => pack([value, 'u32']);

/** A number of 1, 2 or 4 bytes, which is the whole of `bytes`. */
export function readNumber(bytes: Uint8Array): number {
  return bytes.length === 1 ? byteAt(bytes, 0) : bytes.length === 2 ? readU16(bytes, 0) : readU32(bytes, 0);
}

/** A number in network byte order, in `length` bytes. */
export function packBig(value: number, length: 1 | 2 | 4): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => value >>> (8 * (length - 1 - at)));
}

/** By hand: a view of its own for each number is most of what reading a long dump costs. */
export function readU16(bytes: Uint8Array, at: number): number {
  const [low, high] = LITTLE ? [at, at + 1] : [at + 1, at];
  return byteAt(bytes, low) | (byteAt(bytes, high) << 8);
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  const [low, high] = LITTLE ? [at, at + 1] : [at + 1, at];
  bytes[low] = value;
  bytes[high] = value >>> 8;
}

export function readI32(bytes: Uint8Array, at: number): number {
  const [low, high] = LITTLE ? [at, at + 2] : [at + 2, at];
  return readU16(bytes, low) | (readU16(bytes, high) << 16);
}

export const readU32 = (bytes: Uint8Array, at: number): number => readI32(bytes, at) >>> 0;
/** Network byte order. */
export const readBe16 = (bytes: Uint8Array, at: number): number => (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1);

/** A number in network byte order, which is the whole of `bytes`. */
export const readBig = (bytes: Uint8Array = new Uint8Array()): number =>
  bytes.reduce((all, byte) => all * 256 + byte, 0);

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new RangeError(`no byte ${at} of ${bytes.length}`);
  return byte;
}

/** A C string with its ending zero. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

export function readCString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** The bytes of all parts, one after another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
