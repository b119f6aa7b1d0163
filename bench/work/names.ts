import { createNetwork, pidOf, removeContainer, removeNetwork, runContainer } from '../requests.ts';
import { ofProcess, probe } from '../process.ts';
import type { Lookups } from '../probe.ts';
import { percentile } from '../statistics.ts';
import type { Work } from '../work.ts';

const NETWORK = 'names';

export const names: Work = {
  name: 'names',
  about: 'A container asks its name server for another container of its network: one by one, and 32 at a time.',
  quick: true,
  async run(bench) {
    const engines = await bench.engines();
    for (const engine of engines) {
      await createNetwork(engine, NETWORK);
      for (const name of ['asker', 'asked']) await runContainer(engine, name, { network: NETWORK });
    }
    await bench.rounds(engines, bench.quick ? 1 : 5, async (engine, note) => {
      const namespace = ofProcess(await pidOf(engine, 'asker'));
      const { latencies, perSecond } = await probe<Lookups>(namespace, 'look-up', 'asked', '2000');
      note('look-up of a name, median', 'µs', percentile(latencies, 0.5));
      note('look-up of a name, 99th percentile', 'µs', percentile(latencies, 0.99));
      note('look-ups, 32 at a time', '/s', perSecond);
    });
    for (const engine of engines) {
      for (const name of ['asker', 'asked']) await removeContainer(engine, name);
      await removeNetwork(engine, NETWORK);
    }
  },
};
