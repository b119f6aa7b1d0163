/** A short run of the proof of the walk: `npm run test:walk` is the long one. */
import { expect, test } from 'vitest';
import { prove, report } from '../walk/prove.ts';
import { RULE_SETS } from '../walk/rulesets.ts';

const SHORT = [
  'classic',
  'classic, userland proxy off',
  'classic beside firewalld',
  'classic on iptables-legacy',
  "Docker 29's nftables",
  'IPv6: classic',
  'IPv6: neighbour discovery is dropped',
];

test('what the model predicts is what the kernel does', async () => {
  const sets = RULE_SETS.filter(({ name }) => SHORT.includes(name));
  expect(sets).toHaveLength(SHORT.length);
  const proof = await prove(sets, { seed: 1, probes: 100, connects: 10 }, () => {});
  process.stdout.write(report(proof));
  expect(proof.mistakes).toEqual([]);
  expect(proof.unknown).toBe(0);
});
