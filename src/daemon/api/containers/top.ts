import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { EngineError } from '../../../core/network/error.ts';

const run = promisify(execFile);

export interface ProcessList {
  readonly Processes: readonly (readonly string[])[];
  readonly Titles: readonly string[];
}

/** What the host's ps says of these processes. `args` are ps's own, separated by blanks. */
export async function listProcesses(pids: readonly number[], args: string): Promise<ProcessList> {
  const words = (args || '-ef').split(/[ \t\n]+/).filter(Boolean);
  // Another title would hide the column that the processes are found by.
  const renamed = words.find((word) => /pid=/.test(word));
  if (renamed) throw new EngineError('invalid', `specifying "${renamed}" is not allowed`);
  try {
    const { stdout } = await run('ps', words, { env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 64 * 1024 * 1024 });
    return selectProcesses(stdout, new Set(pids.map(String)));
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    if (stderr === undefined) throw error;
    throw new EngineError('invalid', `error running ps: ${stderr.trim()}`, { cause: error });
  }
}

/** The lines of these processes, cut in as many columns as there are titles. */
export function selectProcesses(output: string, pids: ReadonlySet<string>): ProcessList {
  const [titles = [], ...rows] = output
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/));
  const pid = titles.indexOf('PID');
  if (pid < 0) throw new EngineError('internal', "Couldn't find PID field in ps output");
  const last = titles.length - 1;
  return {
    Processes: rows
      .filter((row) => pids.has(row[pid] ?? ''))
      .map((row) => [...row.slice(0, last), row.slice(last).join(' ')]),
    Titles: titles,
  };
}
