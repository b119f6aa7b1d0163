/** Some of the random sequences; `sequences.test.ts` has them all. */
import { afterAll, beforeAll, test } from 'vitest';
import { Proof } from './sequence/proof.ts';

const STEPS = 40;
const SEEDS = [1, 2, 3, 4, 5];
const PAIRS = 2;

let proof: Proof;

beforeAll(async () => {
  proof = await Proof.open('passerelle-sequence', PAIRS);
});

afterAll(async () => {
  await proof?.close();
});

// PASSERELLE_SEED=… npm run test:sequences plays one again, or others.
test.concurrent.each(SEEDS)(`seed %i: ${STEPS} steps`, (seed) => proof.prove(seed, STEPS));
