/**
 * Random sequences of requests against dockerd 20.10 and against Passerelle: after each step rules,
 * addresses, routes, inspections, answers and events are the same, but for the allowances.
 *
 * PASSERELLE_SEQUENCES (12), PASSERELLE_STEPS (40), PASSERELLE_SEED (1: the first of the seeds).
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { printDifference } from './sequence/compare.ts';
import { Duel } from './sequence/duel.ts';
import { Generator } from './sequence/generate.ts';
import { shrink } from './sequence/shrink.ts';
import { describe } from './sequence/step.ts';

const number = (name: string, initial: number): number => Number(process.env[name] ?? initial);
const SEQUENCES = number('PASSERELLE_SEQUENCES', 12);
const STEPS = number('PASSERELLE_STEPS', 40);
const FIRST_SEED = number('PASSERELLE_SEED', 1);
const SHRINK_ATTEMPTS = number('PASSERELLE_SHRINK', 40);
const STEP_MILLISECONDS = 15_000;

let duel: Duel;

beforeAll(async () => {
  duel = await Duel.open('passerelle-sequences');
});

afterAll(async () => {
  await duel?.close();
});

const seeds = Array.from({ length: SEQUENCES }, (_, index) => FIRST_SEED + index);

test.each(seeds)(`seed %i: ${STEPS} steps`, { timeout: STEPS * STEP_MILLISECONDS }, async (seed) => {
  const generator = new Generator(seed);
  const parting = await duel.play((observed, at) => (at < STEPS ? generator.next(observed) : undefined));
  if (!parting) return;
  const { steps, differences } = await shrink(parting, (fewer) => duel.replay(fewer), SHRINK_ATTEMPTS);
  expect.fail(
    [
      `seed ${seed} parts the two; the shortest way there:`,
      ...steps.map((step) => `  ${describe(step)}`),
      'where - is dockerd and + is Passerelle:',
      ...differences.map((difference) => `  ${printDifference(difference)}`),
    ].join('\n'),
  );
});
