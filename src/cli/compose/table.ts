/** docker-compose's table: headers in the middle, a line below them. */
export function composeTable(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headers.map((header, column) => Math.max(header.length, ...rows.map((row) => row[column]!.length)));
  const between = '   ';
  const head = headers.map((header, column) => centred(header, widths[column]!)).join(between);
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width, 0) + between.length * (headers.length - 1));
  const body = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join(between));
  return [head, rule, ...body].map((line) => `${line}\n`).join('');
}

function centred(text: string, width: number): string {
  const before = Math.floor((width - text.length) / 2);
  return (' '.repeat(before) + text).padEnd(width);
}
