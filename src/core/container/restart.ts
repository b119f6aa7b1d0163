import type { HostConfig } from './config.ts';

const FIRST_DELAY = 100;
const LONGEST_DELAY = 60_000;
/** A run that lasted this long (ms) forgets the delays before it. */
const STEADY = 10_000;

/** Whether a container whose process ended is to be started again. */
export function wantsRestart(
  policy: HostConfig['RestartPolicy'],
  exit: { readonly exitCode: number; readonly restartCount: number; readonly stoppedByUser: boolean },
): boolean {
  if (exit.stoppedByUser) return false;
  switch (policy.Name) {
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure':
      return exit.exitCode !== 0 && (policy.MaximumRetryCount === 0 || exit.restartCount < policy.MaximumRetryCount);
    default:
      return false;
  }
}

/** Whether a container that does not run is to be started when the engine starts. */
export function wantsStart(
  policy: HostConfig['RestartPolicy'],
  was: { readonly running: boolean; readonly stoppedByUser: boolean; readonly exitCode: number },
): boolean {
  if (policy.Name === 'always') return true;
  if (policy.Name === 'unless-stopped') return !was.stoppedByUser;
  return policy.Name === 'on-failure' && was.running && was.exitCode !== 0;
}

/** How long to wait (ms) before the next restart, after one that waited `previous` and ran for `ran`. */
export function restartDelay(previous: number, ran: number): number {
  if (previous === 0 || ran >= STEADY) return FIRST_DELAY;
  return Math.min(previous * 2, LONGEST_DELAY);
}
