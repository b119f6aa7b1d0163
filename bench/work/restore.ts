import { MANY_NETWORKS, type Engine } from '../engines/engine.ts';
import { memoryOf } from '../memory.ts';
import { connect, createContainer, createNetwork, startContainer } from '../requests.ts';
import type { Work } from '../work.ts';

const NETWORKS = 100;
const CONTAINERS = 25;
const NETWORKS_EACH = 20;
const ENDPOINTS = CONTAINERS * NETWORKS_EACH;

export const restore: Work = {
  name: 'restore',
  about:
    `The daemon is started again over ${NETWORKS} networks and ${CONTAINERS} running containers with ` +
    `${ENDPOINTS} endpoints, measured until its API answers. Its memory with them.`,
  quick: false,
  async run(bench) {
    const engines = await bench.open(['dockerd', 'iptables', 'nftables'], {
      flags: [...MANY_NETWORKS, '--live-restore'],
    });
    for (const engine of engines) {
      bench.say(`${engine.name}: ${NETWORKS} networks, ${ENDPOINTS} endpoints`);
      await furnish(engine);
      bench.note(
        `memory of the daemon, ${ENDPOINTS} endpoints`,
        engine.name,
        'MB',
        (await memoryOf(engine)).resident / 1e6,
      );
    }
    await bench.rounds(engines, 2, async (engine, note) => {
      note(`start with ${NETWORKS} networks and ${ENDPOINTS} endpoints`, 'ms', await engine.restart());
    });
  },
};

async function furnish(engine: Engine): Promise<void> {
  const network = (index: number): string => `net-${index % NETWORKS}`;
  for (let index = 0; index < NETWORKS; index++) await createNetwork(engine, network(index));
  for (let index = 0; index < CONTAINERS; index++) {
    const name = `guest-${index}`;
    const first = index * (NETWORKS / CONTAINERS);
    await createContainer(engine, name, { network: network(first) });
    for (let other = 1; other < NETWORKS_EACH; other++) await connect(engine, network(first + other), name);
    await startContainer(engine, name);
  }
}
