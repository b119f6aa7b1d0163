import { connect, createNetwork, disconnect, removeContainer, removeNetwork, runContainer } from '../requests.ts';
import { timed, type Work } from '../work.ts';

export const connecting: Work = {
  name: 'connect',
  about: 'A running container is connected to a second network and disconnected again.',
  quick: true,
  async run(bench) {
    const engines = await bench.engines();
    for (const engine of engines) {
      await createNetwork(engine, 'second');
      await runContainer(engine, 'guest');
    }
    await bench.rounds(engines, bench.quick ? 5 : 41, async (engine, note) => {
      note('connect', 'ms', await timed(() => connect(engine, 'second', 'guest')));
      note('disconnect', 'ms', await timed(() => disconnect(engine, 'second', 'guest')));
    });
    for (const engine of engines) {
      await removeContainer(engine, 'guest');
      await removeNetwork(engine, 'second');
    }
  },
};
