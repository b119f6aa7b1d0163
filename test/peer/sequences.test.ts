/**
 * Random sequences of requests against dockerd 20.10 and against Passerelle: after each step rules,
 * addresses, routes, inspections, answers and events are the same, but for the allowances.
 *
 * PASSERELLE_SEQUENCES (200), PASSERELLE_STEPS (40), PASSERELLE_SEED (1: the first of the seeds),
 * PASSERELLE_PAIRS (2: how many are played at the same time).
 */
import { afterAll, beforeAll, test } from 'vitest';
import { Proof } from './sequence/proof.ts';

const number = (name: string, initial: number): number => Number(process.env[name] ?? initial);
const SEQUENCES = number('PASSERELLE_SEQUENCES', 200);
const STEPS = number('PASSERELLE_STEPS', 40);
const FIRST_SEED = number('PASSERELLE_SEED', 1);
const PAIRS = number('PASSERELLE_PAIRS', 2);

let proof: Proof;

beforeAll(async () => {
  proof = await Proof.open('passerelle-sequences', PAIRS);
});

afterAll(async () => {
  await proof?.close();
});

const seeds = Array.from({ length: SEQUENCES }, (_, index) => FIRST_SEED + index);

test.concurrent.each(seeds)(`seed %i: ${STEPS} steps`, (seed) => proof.prove(seed, STEPS));
