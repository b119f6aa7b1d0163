/** The shortest sequence found that parts the two in the same way. */
import type { Parting } from './duel.ts';
import type { Step } from './step.ts';

/**
 * Leaves parts out, halves first, single steps last, as long as the last step still makes one of the
 * differences that it made: another difference would be another finding.
 */
export async function shrink(
  found: Parting,
  replay: (steps: readonly Step[]) => Promise<Parting | undefined>,
  attempts: number,
): Promise<Parting> {
  const paths = new Set(found.differences.map(({ path }) => path));
  const last = found.steps.at(-1)!;
  let best = found;
  let left = attempts;
  for (let size = Math.floor(found.steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < best.steps.length - 1 && left > 0; left--) {
      const shorter = [...best.steps.slice(0, from), ...best.steps.slice(Math.min(from + size, best.steps.length - 1))];
      const parting = await replay(shorter);
      if (parting?.steps.at(-1) === last && parting.differences.some(({ path }) => paths.has(path))) best = parting;
      else from += size;
    }
  }
  return best;
}
