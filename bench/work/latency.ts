import { type Engine, HOST_ADDRESS } from '../engines/engine.ts';
import { inside, named, ofProcess, probe, run, Server } from '../process.ts';
import { pidOf, portRange, removeContainer, runContainer } from '../requests.ts';
import { percentile } from '../statistics.ts';
import type { Work } from '../work.ts';

const FIRST = 10_000;
const CONNECTIONS = 500;
/** Each by a process of its own: what one finds in the processor's caches is another thing each time. */
const PROBES = 6;
/** More than these take dockerd minutes: it gets the rules alone. */
const DOCKERD_PORTS = 1;

export const latency: Work = {
  name: 'latency',
  about:
    'Another machine connects through the last of the published ports of a container, again and again. ' +
    "dockerd publishes one; the rules of the others, as it writes them, are put before that one's.",
  quick: true,
  async run(bench) {
    const engines = await bench.open(['dockerd', 'iptables', 'nftables'], { flags: ['--userland-proxy=false'] });
    const sizes = bench.quick ? [1, 1000] : [1, 100, 1000, 5000];
    await bench.rounds(engines, bench.quick ? 1 : 2, async (engine, note) => {
      for (const size of sizes) {
        const last = FIRST + size - 1;
        const its = engine.name === 'dockerd' ? DOCKERD_PORTS : size;
        await runContainer(engine, 'bench', { ports: portRange(last - its + 1, its) });
        const saved = size > its ? await addRules(engine, last, size - its) : undefined;
        const server = await Server.accepting(ofProcess(await pidOf(engine, 'bench')), 1000 + its - 1);
        try {
          const words = ['connect', HOST_ADDRESS, String(last), String(CONNECTIONS)];
          for (let times = 0; times < (bench.quick ? 1 : PROBES); times++) {
            const latencies = await probe<number[]>(named(engine.world), ...words);
            note(`new connection, last of ${size} ports`, 'µs', percentile(latencies, 0.5));
          }
        } finally {
          await server.close();
        }
        if (saved !== undefined) await restore(engine, saved);
        await removeContainer(engine, 'bench');
      }
    });
  },
};

const restore = (engine: Engine, input: string, ...options: string[]): Promise<string> =>
  run('nsenter', inside(named(engine.netns), 'iptables-restore', ...options), { input });

/** Puts rules like those of the port `last` before them, for the ports that precede it. Gives all as they were. */
async function addRules(engine: Engine, last: number, count: number): Promise<string> {
  const saved = await run('nsenter', inside(named(engine.netns), 'iptables-save'));
  const tables = ['nat', 'filter'].map((table) => {
    const rules = saved
      .slice(saved.indexOf(`*${table}`))
      .split('COMMIT')[0]!
      .split('\n')
      .filter((line) => line.startsWith('-A') && /--dport \d+ /.test(line));
    const others = Array.from({ length: count }, (_, index) => last - 1 - index).flatMap((port) =>
      rules.map((rule) => rule.replace('-A', '-I').replace(/--dport \d+ /, `--dport ${port} `)),
    );
    return [`*${table}`, ...others, 'COMMIT', ''].join('\n');
  });
  await restore(engine, tables.join(''), '--noflush');
  return saved;
}
