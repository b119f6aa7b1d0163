/** Random sequences played on pairs of engines, a pair for each that is played at the same time. */
import { printDifference } from './compare.ts';
import { Duel } from './duel.ts';
import { Generator } from './generate.ts';
import { shrink } from './shrink.ts';
import { describe } from './step.ts';

/** How many times a sequence that parts the two is played again to find a shorter one. */
const SHRINK_ATTEMPTS = 40;

export class Proof {
  readonly #duels: readonly Duel[];
  readonly #free: Duel[];
  readonly #waiting: ((duel: Duel) => void)[] = [];

  private constructor(duels: readonly Duel[]) {
    this.#duels = duels;
    this.#free = [...duels];
  }

  static async open(name: string, pairs: number): Promise<Proof> {
    const names = Array.from({ length: pairs }, (_, index) => `${name}-${index}`);
    return new Proof(await Promise.all(names.map((each) => Duel.open(each))));
  }

  /** Plays a sequence; throws the shortest one found that parts the two, if this one does. */
  async prove(seed: number, length: number): Promise<void> {
    const duel = this.#free.pop() ?? (await new Promise<Duel>((resolve) => this.#waiting.push(resolve)));
    try {
      const generator = new Generator(seed);
      const parting = await duel.play((observed, at) => (at < length ? generator.next(observed) : undefined));
      if (!parting) return;
      const { steps, differences } = await shrink(parting, (fewer) => duel.replay(fewer), SHRINK_ATTEMPTS);
      throw new Error(
        [
          `seed ${seed} parts the two; the shortest way there:`,
          ...steps.map((step) => `  ${describe(step)}`),
          'where - is dockerd and + is Passerelle:',
          ...differences.map((difference) => `  ${printDifference(difference)}`),
        ].join('\n'),
      );
    } finally {
      const next = this.#waiting.shift();
      if (next) next(duel);
      else this.#free.push(duel);
    }
  }

  async close(): Promise<void> {
    for (const duel of this.#duels) await duel.close();
  }
}
