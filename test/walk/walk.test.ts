/**
 * The whole proof: all rule sets, thousands of probes. `WALK_SEED` and `WALK_PROBES` (of each rule
 * set) choose others; `WALK_ONLY` takes the rule sets whose names contain it.
 */
import { expect, test } from 'vitest';
import { prove, report } from './prove.ts';
import { RULE_SETS } from './rulesets.ts';

test('what the model predicts is what the kernel does', { timeout: 1_200_000 }, async () => {
  const seed = Number(process.env['WALK_SEED'] ?? 1);
  const probes = Number(process.env['WALK_PROBES'] ?? 200);
  const sets = RULE_SETS.filter(({ name }) => name.includes(process.env['WALK_ONLY'] ?? ''));
  const proof = await prove(sets, { seed, probes, connects: 40 }, (line) => process.stdout.write(`${line}\n`));
  process.stdout.write(report(proof));
  expect(proof.mistakes).toEqual([]);
  expect(proof.unknown / proof.probes).toBeLessThanOrEqual(0.02);
});
