import { createNetwork, removeNetwork } from '../requests.ts';
import { timed, type Work } from '../work.ts';

export const network: Work = {
  name: 'network',
  about: 'A bridge network is created and removed through the API.',
  quick: true,
  async run(bench) {
    await bench.rounds(await bench.engines(), bench.quick ? 5 : 41, async (engine, note) => {
      note('network create', 'ms', await timed(() => createNetwork(engine, 'bench')));
      note('network remove', 'ms', await timed(() => removeNetwork(engine, 'bench')));
    });
  },
};
