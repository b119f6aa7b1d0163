/** Two sequences side by side: the longest common one, with what each has besides. */

export interface Pair<L, R> {
  readonly left?: L;
  readonly right?: R;
}

/** Pairs in an order that keeps both sequences'; of what only one has, the left comes first. */
export function align<L, R>(
  lefts: readonly L[],
  rights: readonly R[],
  leftKey: (left: L) => string,
  rightKey: (right: R) => string,
): readonly Pair<L, R>[] {
  const a = lefts.map(leftKey);
  const b = rights.map(rightKey);
  // lengths[i][j]: of the longest common sequence of what begins at i and at j.
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i]![j] = a[i] === b[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
    }
  }
  const pairs: Pair<L, R>[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      pairs.push({ left: lefts[i++]!, right: rights[j++]! });
    } else if (j === b.length || (i < a.length && lengths[i + 1]![j]! >= lengths[i]![j + 1]!)) {
      pairs.push({ left: lefts[i++]! });
    } else {
      pairs.push({ right: rights[j++]! });
    }
  }
  return pairs;
}
