/**
 * `npm run bench`: the same work by our two back ends and by the peers, in one run. With `--quick` less
 * of it in two minutes, with `--only NAME` (again and again) a part, with `--write` into RESULTS.md too.
 */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CHARTS, drawChart } from './chart.ts';
import { openDockerd } from './engines/dockerd.ts';
import type { Engine, EngineOptions } from './engines/engine.ts';
import { openPasserelle } from './engines/passerelle.ts';
import { atRest } from './engines/ready.ts';
import { describeMachine } from './machine.ts';
import { removeNamespaces } from './process.ts';
import { printMarkdown, printText } from './report.ts';
import { type Peer, Sheet, type Unit } from './sheet.ts';
import type { Bench, Note, Work } from './work.ts';
import { WORKS } from './works.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    write: { type: 'boolean', default: false },
  },
});

const unknown = options.only.filter((name) => !WORKS.some((work) => work.name === name));
if (unknown.length > 0) {
  console.error(`no such work: ${unknown.join(', ')}; there is ${WORKS.map(({ name }) => name).join(', ')}`);
  process.exit(1);
}
if (process.platform !== 'linux' || process.getuid?.() !== 0) {
  console.error('The bench needs Linux and root: it makes network namespaces of its own and changes nothing outside.');
  process.exit(1);
}

let interrupted = false;
let closing: Promise<void> | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    say(`${signal}: clearing up; once more to leave all as it is`);
    // Without its engines what is under way fails, and clears up on its way out.
    closing = closeAll();
  });
}

const say = (message: string): void => console.error(message);
const sheet = new Sheet();
/** The engines that all pieces of work share, and those of the present one. */
const shared: Engine[] = [];
const own: Engine[] = [];

async function open(engines: Engine[], peers: readonly Peer[], settings?: EngineOptions): Promise<readonly Engine[]> {
  // The namespaces of both sets are there at the same time.
  const name = engines === shared ? 'bench' : 'bench-own';
  for (const peer of peers) {
    if (interrupted) throw new Error('interrupted');
    if (peer !== 'dockerd' && peer !== 'iptables' && peer !== 'nftables') throw new Error(`${peer} has no daemon`);
    const engine = await (peer === 'dockerd' ? openDockerd(name, settings) : openPasserelle(name, peer, settings));
    engines.push(engine);
  }
  if (!options.quick || engines === shared) await Promise.all(engines.map(({ pid }) => atRest(pid)));
  return engines;
}

/** One that cannot be closed does not keep the others from it. */
async function close(engines: Engine[]): Promise<void> {
  for (const engine of engines.splice(0)) {
    engine.api.close();
    await engine.close().catch((error: unknown) => say(`${engine.name}: ${String(error)}`));
  }
}

async function closeAll(): Promise<void> {
  await close(own);
  await close(shared);
}

function benchFor(work: Work): Bench {
  const note = (measure: string, peer: Peer, unit: Unit, value: number): void =>
    sheet.add(work.name, measure, peer, unit, value);
  return {
    quick: options.quick,
    engines: async () => (shared.length > 0 ? shared : open(shared, ['dockerd', 'iptables', 'nftables'])),
    open: (peers, settings) => open(own, peers, settings),
    note,
    say,
    async rounds(peers, count, round) {
      for (let number = 0; number <= count; number++) {
        for (let turn = 0; turn < peers.length; turn++) {
          const peer = peers[(number + turn) % peers.length]!;
          const counted: Note = (measure, unit, value) => note(measure, peer.name, unit, value);
          await round(peer, number === 0 ? () => undefined : counted, number);
        }
      }
    },
  };
}

const wanted = WORKS.filter(({ name, quick }) =>
  options.only.length > 0 ? options.only.includes(name) : quick || !options.quick,
);
const begun = new Date();
const machine = await describeMachine(begun);
for (const work of wanted) {
  if (interrupted) break;
  say(`${work.name}: ${work.about}`);
  const before = performance.now();
  try {
    await work.run(benchFor(work));
  } catch (error) {
    // What another piece of work found is not lost by it.
    if (!interrupted) console.error(error);
    process.exitCode = 1;
  }
  await close(own);
  say(`${work.name}: ${((performance.now() - before) / 1000).toFixed(0)} s`);
  if (options.write && !interrupted) await write();
}

async function write(): Promise<void> {
  const folder = resolve(import.meta.dirname, '..', 'bench');
  await writeFile(join(folder, 'RESULTS.md'), printMarkdown(sheet, wanted, machine));
  for (const chart of CHARTS) {
    const picture = drawChart(sheet, chart);
    if (picture !== undefined) await writeFile(join(folder, chart.file), picture);
  }
}

await closing;
await closeAll();
await removeNamespaces();
if (!interrupted) console.log(printText(sheet));
process.exit(interrupted ? 130 : undefined);
