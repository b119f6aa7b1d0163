/**
 * The whole proof: all rule sets, thousands of probes. `WALK_SEED` and `WALK_PROBES` (of each rule
 * set) choose others.
 */
import { expect, test } from 'vitest';
import { prove, report } from './prove.ts';
import { RULE_SETS } from './rulesets.ts';

test('what the model predicts is what the kernel does', { timeout: 1_200_000 }, async () => {
  const seed = Number(process.env['WALK_SEED'] ?? 1);
  const probes = Number(process.env['WALK_PROBES'] ?? 200);
  const proof = await prove(RULE_SETS, { seed, probes, connects: 40 }, (line) => process.stdout.write(`${line}\n`));
  process.stdout.write(report(proof));
  expect(proof.mistakes).toEqual([]);
  expect(proof.unknown / proof.probes).toBeLessThanOrEqual(0.02);
});
