/**
 * The lines of a journal: `<checksum> <json>\n`, the checksum being the first 16 hexadecimal digits
 * of the SHA-256 of the JSON's bytes.
 */
import { hash } from 'node:crypto';

const DIGITS = 16;
const NEWLINE = 0x0a;

function checksum(json: string | Uint8Array): string {
  return hash('sha256', json).slice(0, DIGITS);
}

export function encodeLine(value: unknown): string {
  const json = JSON.stringify(value);
  return `${checksum(json)} ${json}\n`;
}

/** The value of a line without its newline; undefined if it is not whole. */
function decodeLine(line: Buffer): unknown {
  const json = line.subarray(DIGITS + 1);
  if (line.toString('latin1', 0, DIGITS + 1) !== `${checksum(json)} `) return undefined;
  return JSON.parse(json.toString()) as unknown;
}

/** A line that does not bear its own checksum, and sound ones after it: no interrupted write leaves that. */
export class DamagedLine extends Error {
  override readonly name = 'DamagedLine';
  /** Counted from 1. */
  readonly line: number;

  constructor(line: number) {
    super(`line ${line} is damaged`);
    this.line = line;
  }
}

/**
 * The values of a journal's lines, and how many bytes they take. What follows those bytes is the
 * torn end of the last write. Throws DamagedLine.
 */
export function decodeLines(bytes: Buffer): { readonly values: readonly unknown[]; readonly length: number } {
  const values: unknown[] = [];
  let length = 0;
  let damaged = 0;
  for (let start = 0, end; (end = bytes.indexOf(NEWLINE, start)) !== -1; start = end + 1) {
    const value = decodeLine(bytes.subarray(start, end));
    if (value === undefined) damaged ||= values.length + 1;
    else if (damaged !== 0) throw new DamagedLine(damaged);
    else {
      values.push(value);
      length = end + 1;
    }
  }
  return { values, length };
}
