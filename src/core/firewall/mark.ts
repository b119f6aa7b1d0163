/** A mark of packets: those whose mark, under the mask, is `value`. */
export interface Mark {
  readonly value: number;
  readonly mask?: number;
}

const LARGEST = 2 ** 32 - 1;

/** Reads `mark` or `mark/mask`, each a 32-bit number in Go's notations (`10`, `0xa`, `0o12`, `012`, `0b1010`). */
export function parseMark(text: string): Mark | undefined {
  const [value, mask, ...rest] = text.split('/').map(parseNumber);
  if (value === undefined || rest.length > 0) return undefined;
  if (!text.includes('/')) return { value };
  return mask === undefined ? undefined : { value, mask };
}

function parseNumber(text: string): number | undefined {
  const digits = text.replace(/^0(?=[0-7]+$)/, '0o');
  if (!/^(0x[\da-f]+|0o[0-7]+|0b[01]+|\d+)$/i.test(digits)) return undefined;
  const number = Number(digits);
  return number <= LARGEST ? number : undefined;
}
