/** The words that `word` was probably meant to be: those that at most two letters make it. */
export function nearest(word: string, words: readonly string[]): readonly string[] {
  return words.filter((candidate) => distance(word, candidate) <= Math.min(2, Math.floor(word.length / 2)));
}

/** Letters to add, leave out, change or swap with the next one, to get from `a` to `b`. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Infinity;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const above = rows[i - 1]!;
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2]![j - 2]! + 1 : Infinity;
      row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + change, swapped));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
