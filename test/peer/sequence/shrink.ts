/** The shortest sequence found that still fails: parts are left out, halves first, single steps last. */
export async function shrink<T>(
  steps: readonly T[],
  fails: (steps: readonly T[]) => Promise<boolean>,
  attempts: number,
): Promise<readonly T[]> {
  let best = steps;
  let left = attempts;
  for (let size = Math.floor(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < best.length && left > 0;) {
      const shorter = [...best.slice(0, from), ...best.slice(from + size)];
      left--;
      if (shorter.length > 0 && (await fails(shorter))) best = shorter;
      else from += size;
    }
  }
  return best;
}
