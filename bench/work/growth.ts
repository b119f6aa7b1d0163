import { MANY_NETWORKS } from '../engines/engine.ts';
import {
  connect,
  createContainer,
  createNetwork,
  disconnect,
  portRange,
  removeContainer,
  removeNetwork,
  runContainer,
  startContainer,
} from '../requests.ts';
import { timed, type Work } from '../work.ts';

const SIZES = [10, 1000];

export const growth: Work = {
  name: 'growth',
  about: 'What a change costs with 10 and with 1,000 networks there. Ours alone: dockerd takes too long to make them.',
  quick: false,
  async run(bench) {
    const engines = await bench.open(['iptables', 'nftables'], { flags: MANY_NETWORKS });
    for (const engine of engines) await runContainer(engine, 'guest');
    let there = 0;
    for (const size of SIZES) {
      bench.say(`growth: ${size} networks`);
      for (; there < size; there++) for (const engine of engines) await createNetwork(engine, `net-${there}`);
      await bench.rounds(engines, 9, async (engine, note) => {
        const during = async (what: string, task: () => Promise<void>): Promise<void> =>
          note(`${what}, ${size} networks`, 'ms', await timed(task));
        await during('network create', () => createNetwork(engine, 'bench'));
        await during('connect', () => connect(engine, 'bench', 'guest'));
        await during('disconnect', () => disconnect(engine, 'bench', 'guest'));
        await createContainer(engine, 'bench', { network: 'bench', ports: portRange(20_000, 1) });
        await during('start', () => startContainer(engine, 'bench'));
        await during('remove', () => removeContainer(engine, 'bench'));
        await during('network remove', () => removeNetwork(engine, 'bench'));
      });
    }
  },
};
