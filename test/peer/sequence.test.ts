/** Some of the random sequences (`sequences.test.ts` has them all), and one that nobody has seen yet. */
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, test } from 'vitest';
import { Proof } from './sequence/proof.ts';

const STEPS = 40;
const SEEDS = [1, 2, 3, 4];
const PAIRS = 2;

let proof: Proof;

beforeAll(async () => {
  proof = await Proof.open('passerelle-sequence', PAIRS);
});

afterAll(async () => {
  await proof?.close();
});

// PASSERELLE_SEED=… npm run test:sequences plays it again.
test.concurrent.each([...SEEDS, randomInt(1_000_000)])(`seed %i: ${STEPS} steps`, (seed) => proof.prove(seed, STEPS));
