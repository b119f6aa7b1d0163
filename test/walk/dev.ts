import { prove } from './prove.ts';
import { RULE_SETS } from './rulesets.ts';
const [probes = '200', seed = '1', filter = ''] = process.argv.slice(2);
const proof = await prove(
  RULE_SETS.filter(({ name }) => name.includes(filter)),
  { seed: Number(seed), probes: Number(probes), connects: 40 },
  console.log,
);
for (const m of proof.mistakes.slice(0, 12)) console.log(JSON.stringify(m));
const by = new Map<string, number>();
for (const m of proof.mistakes) by.set(`${m.ruleSet}/${m.what}`, (by.get(`${m.ruleSet}/${m.what}`) ?? 0) + 1);
console.log({ ...proof, mistakes: proof.mistakes.length }, by);
