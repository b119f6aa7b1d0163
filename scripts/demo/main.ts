/**
 * `npm run demo`: plays the article's scene, on a stage of its own on the real kernel, or with --model
 * on a Linux in memory. Exits 0 only if all of it was true.
 */
import { parseArgs } from 'node:util';
import { ModelStage } from '../model-stage.ts';
import { Stage } from '../stage.ts';
import { Checklist } from './checklist.ts';
import { loadImages } from './images.ts';
import { playOnKernel } from './kernel.ts';
import { playOnModel } from './model.ts';

const { values } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    model: { type: 'boolean', default: false },
    offline: { type: 'boolean', default: false },
  },
});

const print = (line: string): void => console.log(line);
const list = new Checklist(print);

/** What is played, what stays afterwards, and how it is cleared away. */
interface Play {
  play(): Promise<void>;
  readonly reach: string;
  close(): Promise<unknown>;
}

async function onKernel(): Promise<Play> {
  const stage = await Stage.set('passerelle-demo');
  return {
    async play() {
      print(`The host is the namespace ${stage.host}, the other machine is ${stage.world}.`);
      await stage.startDaemon();
      await loadImages(stage, { offline: values.offline }, print);
      await playOnKernel(stage, list, print);
    },
    reach: `  export DOCKER_HOST=${stage.dockerHost}      then docker ps, docker network ls, …
  nsenter --net=/run/netns/${stage.host} iptables-save
  nsenter --net=/run/netns/${stage.world} curl http://198.51.100.1:5000/v2/`,
    close: () => stage.close(),
  };
}

async function onModel(): Promise<Play> {
  const stage = await ModelStage.set();
  return {
    async play() {
      print(`The scene is played on a Linux in memory: there is no root here or no Linux, or you asked for it.
  Played as on a real one: 1 the three networks, 2 their drivers, 3 and 4 a network made and inspected, 5 its
  bridge, 6 and 7 a compose project and its network, 8 and 9 the nat and filter tables rule by rule.
  Simulated: all containers; 10 the packets are walked through the rules, not sent.
  Only a real kernel shows: packets that arrive, a registry that takes and gives a blob. As root on Linux,
  \`npm run demo\` plays that.
The command lines are ${[stage.client, stage.composer].map(named).join(' and ')}.`);
      await playOnModel(stage, list, print);
    },
    reach: `  export DOCKER_HOST=${stage.dockerHost}
  node dist/passerelle.js ps, explain, trace --to 198.51.100.1:5000, graph, …`,
    close: () => stage.close(),
  };
}

const named = (words: readonly string[]): string =>
  words
    .map((word) => word.split(/[\\/]/).at(-1)!.replace('node', '').replace('.js', ''))
    .join(' ')
    .trim();

const stage = await (values.model ? onModel() : onKernel());
let closing: Promise<unknown> | undefined;
const close = (): Promise<unknown> => (closing ??= stage.close());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    print(`\n${signal}: clearing up`);
    void close().then(
      () => process.exit(130),
      (error: unknown) => {
        console.error(String(error));
        process.exit(1);
      },
    );
  });
}

let failure: unknown;
try {
  await stage.play();
} catch (error) {
  failure = error;
}

if (failure !== undefined && closing === undefined) console.error(failure);
if (values.keep && failure === undefined) {
  print(`
The scene goes on. Reach it:
${stage.reach}
End it: Ctrl-C here, or kill ${process.pid}.`);
  await new Promise(() => setInterval(() => undefined, 1 << 30));
}
await close();
print(`\n${list.passed} passed, ${list.failed} failed`);
process.exit(list.failed === 0 && failure === undefined ? 0 : 1);
