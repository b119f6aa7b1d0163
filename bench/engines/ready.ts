import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Between two attempts (ms). */
const INTERVAL = 2;
const PATIENCE = 60_000;

/** How long it takes from now until the API on that socket answers (ms). */
export async function answering(socketPath: string): Promise<number> {
  const begun = performance.now();
  while (!(await answers(socketPath))) {
    if (performance.now() - begun > PATIENCE) throw new Error(`nobody answers on ${socketPath}`);
    await sleep(INTERVAL);
  }
  return performance.now() - begun;
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    get({ socketPath, path: '/_ping', headers: { Host: 'docker' } }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on('error', () => resolve(false));
  });
}
