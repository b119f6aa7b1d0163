import { removeContainer, runContainer } from '../requests.ts';
import { timed, type Work } from '../work.ts';

const COUNT = 100;

export const hundred: Work = {
  name: 'hundred',
  about: `${COUNT} containers are created and started on the default bridge at once, and removed at once.`,
  quick: false,
  async run(bench) {
    const names = Array.from({ length: COUNT }, (_, index) => `of-many-${index}`);
    // No turn to warm up: it takes dockerd a minute.
    for (const engine of await bench.engines()) {
      const started = await timed(() => Promise.all(names.map((name) => runContainer(engine, name))));
      bench.note(`start ${COUNT} containers at once`, engine.name, 'ms', started);
      const removed = await timed(() => Promise.all(names.map((name) => removeContainer(engine, name))));
      bench.note(`remove ${COUNT} containers at once`, engine.name, 'ms', removed);
    }
  },
};
