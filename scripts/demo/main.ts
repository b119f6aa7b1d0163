/** `npm run demo`: plays the article's scene on a stage of its own. Exits 0 only if all of it was true. */
import { parseArgs } from 'node:util';
import { Stage } from '../stage.ts';
import { Checklist } from './checklist.ts';
import { loadImages } from './images.ts';
import { playScene } from './scene.ts';

const { values } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    offline: { type: 'boolean', default: false },
  },
});

const print = (line: string): void => console.log(line);

if (process.platform !== 'linux' || process.getuid?.() !== 0) {
  console.error(
    'The scene needs Linux and root: it makes network namespaces of its own and changes nothing outside of them.',
  );
  process.exit(1);
}

const stage = await Stage.set('passerelle-demo');
let closing: Promise<void> | undefined;
const close = (): Promise<void> => (closing ??= stage.close());
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

const list = new Checklist(print);
let failure: unknown;
try {
  print(`The host is the namespace ${stage.host}, the other machine is ${stage.world}.`);
  await stage.startDaemon();
  await loadImages(stage, { offline: values.offline }, print);
  await playScene(stage, list, print);
} catch (error) {
  failure = error;
}

if (failure !== undefined && closing === undefined) console.error(failure);
if (values.keep && failure === undefined) {
  print(`
The scene goes on. Reach it:
  export DOCKER_HOST=${stage.dockerHost}      then docker ps, docker network ls, …
  nsenter --net=/run/netns/${stage.host} iptables-save
  nsenter --net=/run/netns/${stage.world} curl http://198.51.100.1:5000/v2/
End it: Ctrl-C here, or kill ${process.pid}.`);
  await new Promise(() => setInterval(() => undefined, 1 << 30));
}
await close();
print(`\n${list.passed} passed, ${list.failed} failed`);
process.exit(list.failed === 0 && failure === undefined ? 0 : 1);
