import { test } from 'vitest';
import { Duel } from './sequence/duel.ts';
import { Generator } from './sequence/generate.ts';
import { describe } from './sequence/step.ts';
import { printDifference } from './sequence/compare.ts';
const [first, count, steps] = (process.env.PLAY ?? '300 8 40').split(' ').map(Number) as [number, number, number];
const queue = Array.from({ length: count }, (_, i) => first + i);
test('play', async () => {
  await Promise.all(
    [0, 1].map(async (n) => {
      const duel = await Duel.open(`dk-play-${n}`);
      for (let seed; (seed = queue.shift()) !== undefined;) {
        const generator = new Generator(seed);
        const parting = await duel.play((observed, at) => (at < steps ? generator.next(observed) : undefined));
        console.log(
          `### ${seed}: ${parting ? parting.steps.length + '\n' + parting.steps.map(describe).join('\n') + '\n' + parting.differences.map(printDifference).join('\n') : 'same'}`,
        );
      }
      await duel.close();
    }),
  );
}, 600_000);
