const [DOT, ZERO, NINE] = [0x2e, 0x30, 0x39];

/** The 32 bit value of dotted decimal text; undefined for anything else, leading zeros and short forms included. */
export function parseIpv4(text: string): number | undefined {
  // A walk through a large rule set reads thousands: nothing is cut out of the text.
  let value = 0;
  let part = -1;
  let dots = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === DOT) {
      if (part < 0) return undefined;
      value = value * 256 + part;
      part = -1;
      dots += 1;
    } else {
      // A part that begins with 0 is 0.
      if (code < ZERO || code > NINE || part === 0) return undefined;
      part = Math.max(part, 0) * 10 + code - ZERO;
      if (part > 255) return undefined;
    }
  }
  return dots === 3 && part >= 0 ? value * 256 + part : undefined;
}

export function printIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}
