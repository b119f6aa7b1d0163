/** Columns as Go's text/tabwriter makes them. */

/**
 * Cells of a row end in a tab, but for the last. A column is as wide as its widest cell and
 * `padding`, at least `least`, over a run of rows that all have it.
 */
export function alignColumns(rows: readonly (readonly string[])[], least = 10, padding = 3): string {
  const widths: number[][] = rows.map(() => []);
  const cells = Math.max(0, ...rows.map((row) => row.length));
  for (let column = 0; column < cells - 1; column++) {
    for (let first = 0; first < rows.length;) {
      let end = first;
      let width = 0;
      for (; end < rows.length && rows[end]!.length > column + 1; end++)
        width = Math.max(width, length(rows[end]![column]!));
      for (let row = first; row < end; row++) widths[row]![column] = Math.max(least, width + padding);
      first = Math.max(end, first + 1);
    }
  }
  return rows
    .map((row, index) => row.map((cell, column) => pad(cell, widths[index]![column] ?? 0)).join(''))
    .map((line) => `${line}\n`)
    .join('');
}

function length(cell: string): number {
  return Array.from(cell).length;
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - length(cell)));
}
