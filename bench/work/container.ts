import type { Engine } from '../engines/engine.ts';
import {
  type ContainerOptions,
  createContainer,
  createNetwork,
  portRange,
  removeContainer,
  removeNetwork,
  startContainer,
} from '../requests.ts';
import { timed, type Work } from '../work.ts';

const PORTS = 20_000;
const NETWORK = 'bench';

/** What the container is given, by the words that the measures name it with. */
const KINDS: ReadonlyMap<string, ContainerOptions> = new Map([
  ['on none', { network: 'none' }],
  ['on a bridge', { network: NETWORK }],
  ...[1, 10, 100].map((count): [string, ContainerOptions] => [
    count === 1 ? 'with 1 port' : `with ${count} ports`,
    { network: NETWORK, ports: portRange(PORTS, count) },
  ]),
]);

/** Of so many ports on, a start differs from the one on none by more than both do from themselves: once in a round is enough. */
const PLAIN = 10;
/** How often the others are measured in a round. */
const REPEATS = 3;

interface Times {
  readonly create: number;
  readonly start: number;
  readonly remove: number;
}

export const container: Work = {
  name: 'container',
  about:
    'A container is created, started and removed by force: on none, on a bridge, with published ports. ' +
    "The network's share is what it takes longer than the one on none before it.",
  quick: true,
  async run(bench) {
    const engines = await bench.engines();
    for (const engine of engines) await createNetwork(engine, NETWORK);
    await bench.rounds(engines, bench.quick ? 1 : 7, async (engine, note) => {
      for (let repeat = bench.quick ? REPEATS : 1; repeat <= REPEATS; repeat++) {
        const bare = await measure(engine, KINDS.get('on none')!);
        for (const [kind, options] of KINDS) {
          if (repeat < REPEATS && (options.ports?.size ?? 0) >= PLAIN) continue;
          const { create, start, remove } = options.network === 'none' ? bare : await measure(engine, options);
          note(`create and start ${kind}`, 'ms', create + start);
          note(`remove ${kind}`, 'ms', remove);
          if (options.network === 'none') continue;
          note(`network's share of the start ${kind}`, 'ms', start - bare.start);
          note(`network's share of the removal ${kind}`, 'ms', remove - bare.remove);
        }
      }
    });
    for (const engine of engines) await removeNetwork(engine, NETWORK);
  },
};

async function measure(engine: Engine, options: ContainerOptions): Promise<Times> {
  return {
    create: await timed(() => createContainer(engine, 'bench', options)),
    start: await timed(() => startContainer(engine, 'bench')),
    remove: await timed(() => removeContainer(engine, 'bench')),
  };
}
