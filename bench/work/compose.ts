import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../engines/engine.ts';
import { run } from '../process.ts';
import { IMAGE } from '../requests.ts';
import { timed, type Work } from '../work.ts';

const SERVICES = 20;

export const compose: Work = {
  name: 'compose',
  about: `docker-compose brings a project of ${SERVICES} services with a port each up, and down again.`,
  quick: false,
  async run(bench) {
    await bench.rounds(await bench.engines(), 1, async (engine, note) => {
      note(`compose up, ${SERVICES} services`, 'ms', await timed(() => dockerCompose(engine, 'up', '-d')));
      note(`compose down, ${SERVICES} services`, 'ms', await timed(() => dockerCompose(engine, 'down', '-t', '0')));
    });
  },
};

async function dockerCompose(engine: Engine, ...args: string[]): Promise<void> {
  const folder = join(engine.directory, 'compose');
  await mkdir(folder, { recursive: true });
  const services = Array.from(
    { length: SERVICES },
    (_, index) =>
      `  service${index}:\n    image: ${IMAGE}\n    command: sleep 86400\n    ports: ["${21_000 + index}:80"]\n`,
  );
  await writeFile(join(folder, 'docker-compose.yml'), `version: "3.2"\nservices:\n${services.join('')}`);
  await run('docker-compose', args, { cwd: folder, env: { ...process.env, DOCKER_HOST: `unix://${engine.socket}` } });
}
