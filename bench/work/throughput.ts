import { HOST_ADDRESS } from '../engines/engine.ts';
import { inside, named, ofProcess, run, Server } from '../process.ts';
import { addressOf, createNetwork, pidOf, removeContainer, removeNetwork, runContainer } from '../requests.ts';
import type { Work } from '../work.ts';

const NETWORK = 'traffic';
const PORT = 5201;

export const throughput: Work = {
  name: 'throughput',
  about:
    'iperf3, one TCP stream: from another machine through a published port, from the host through the ' +
    'userland proxy (127.0.0.1), and between two containers of a network.',
  quick: true,
  async run(bench) {
    const seconds = bench.quick ? 1 : 2;
    const engines = await bench.engines();
    const servers: Server[] = [];
    try {
      for (const engine of engines) {
        await createNetwork(engine, NETWORK);
        await runContainer(engine, 'server', { network: NETWORK, ports: new Map([[PORT, PORT]]) });
        await runContainer(engine, 'client', { network: NETWORK });
        const namespace = ofProcess(await pidOf(engine, 'server'));
        servers.push(await Server.start(namespace, 'iperf3', '--server', '--forceflush', '--port', String(PORT)));
      }
      await bench.rounds(engines, bench.quick ? 1 : 5, async (engine, note) => {
        const guest = ofProcess(await pidOf(engine, 'client'));
        const server = await addressOf(engine, 'server', NETWORK);
        note('throughput through a published port', 'Gbit/s', await iperf(named(engine.world), HOST_ADDRESS, seconds));
        note('throughput through the userland proxy', 'Gbit/s', await iperf(named(engine.netns), '127.0.0.1', seconds));
        note('throughput between containers', 'Gbit/s', await iperf(guest, server, seconds));
      });
    } finally {
      for (const server of servers) await server.close();
    }
    for (const engine of engines) {
      for (const name of ['server', 'client']) await removeContainer(engine, name);
      await removeNetwork(engine, NETWORK);
    }
  },
};

/** What arrived, in Gbit/s. */
async function iperf(namespace: string, address: string, seconds: number): Promise<number> {
  const words = ['iperf3', '--json', '--client', address, '--port', String(PORT), '--time', String(seconds)];
  const { end } = JSON.parse(await run('nsenter', inside(namespace, ...words))) as {
    end: { sum_received: { bits_per_second: number } };
  };
  return end.sum_received.bits_per_second / 1e9;
}
