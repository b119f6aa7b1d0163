import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../engines/engine.ts';
import { memoryOf } from '../memory.ts';
import { portRange, removeContainer, runContainer } from '../requests.ts';
import type { Bench, Work } from '../work.ts';

/** dockerd starts two processes for each: it gets fewer. */
const PORTS = { dockerd: 100, iptables: 1000, nftables: 1000 } as const;
/** Until what the request itself took is given back (ms). */
const REST = 2000;

export const memory: Work = {
  name: 'memory',
  about:
    'Memory of a daemon that has nothing to do, and what it with its helpers has more for each published port, ' +
    'with the userland proxy on: what processes share is divided among them.',
  quick: true,
  async run(bench) {
    const engines = await bench.open(['dockerd', 'iptables', 'nftables']);
    // No times are taken: all at once.
    await Promise.all(engines.map((engine) => measure(engine, bench)));
  },
};

async function measure(engine: Engine, bench: Bench): Promise<void> {
  const count = PORTS[engine.name as keyof typeof PORTS];
  bench.note('memory of the daemon, idle', engine.name, 'MB', (await memoryOf(engine)).resident / 1e6);
  // What the first container takes is not the ports'.
  await runContainer(engine, 'first', { ports: portRange(9000, 10) });
  await removeContainer(engine, 'first');
  await sleep(REST);
  const before = await memoryOf(engine);
  await runContainer(engine, 'ports', { ports: portRange(10_000, count) });
  await sleep(REST);
  const after = await memoryOf(engine);
  bench.note('memory for each published port', engine.name, 'kB', (after.whole - before.whole) / count / 1000);
}
