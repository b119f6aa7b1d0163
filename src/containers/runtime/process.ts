import { readIfPresent } from './files.ts';

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since the machine's start, as the kernel prints it. */
  readonly startTime: string;
}

/** Who has this pid now; undefined: nobody, or one that has ended and waits to be reaped. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readIfPresent(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name in parentheses may hold anything; what follows it begins with field 3, the state.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = fields[19];
  if (startTime === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, startTime };
}

export function isAlive(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startTime === process.startTime;
}

export function printIdentity({ pid, startTime }: ProcessIdentity): string {
  return `${pid} ${startTime}\n`;
}

export function parseIdentity(text: string): ProcessIdentity | undefined {
  const match = /^(\d+) (\d+)\n$/.exec(text);
  return match?.[1] && match[2] ? { pid: Number(match[1]), startTime: match[2] } : undefined;
}

/** Sends a signal; to one that has ended it does nothing. */
export function sendSignal(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
