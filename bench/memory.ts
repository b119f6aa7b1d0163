/** Memory of a daemon with its helpers, from /proc. */
import { readdir, readFile } from 'node:fs/promises';
import type { Engine } from './engines/engine.ts';

/** What a daemon starts for itself. What it starts for each container is the container's, for all engines. */
const HELPERS = new Set(['containerd', 'docker-proxy']);

export interface Memory {
  /** Bytes resident of the daemon's process itself. */
  readonly resident: number;
  /** Bytes of it and its helpers, what several share divided among them. */
  readonly whole: number;
}

export async function memoryOf({ pid }: Engine): Promise<Memory> {
  const whole = await Promise.all([pid, ...(await helpersOf(pid))].map((its) => field(its, 'Pss')));
  return { resident: await field(pid, 'Rss'), whole: whole.reduce((sum, bytes) => sum + bytes, 0) };
}

async function helpersOf(parent: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = pids.map(async (pid) => {
    // It may have ended since.
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const [, name = '', its] = /\((.*)\) \S+ (\d+)/.exec(stat) ?? [];
    return HELPERS.has(name) && Number(its) === parent ? [Number(pid)] : [];
  });
  return (await Promise.all(found)).flat();
}

async function field(pid: number, name: 'Pss' | 'Rss'): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)![1]) * 1024;
}
