import { readFile } from 'node:fs/promises';
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

/** What a daemon that rests uses at most, of a processor's time in ticks of 10 ms, in so many ms. */
const REST = { ticks: 5, within: 1000 };

/** Resolves when a daemon has done what it does after its start of its own accord; after a while in any case. */
export async function atRest(pid: number): Promise<void> {
  const begun = performance.now();
  for (let before = await ticksOf(pid); performance.now() - begun < PATIENCE;) {
    await sleep(REST.within);
    const now = await ticksOf(pid);
    if (now - before <= REST.ticks) return;
    before = now;
  }
}

/** Of all its threads, in user and in kernel mode. */
async function ticksOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/.*\) /s, '').split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
