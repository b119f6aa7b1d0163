/**
 * How much memory the daemon's process may keep for nothing. A change of a thousand ports makes
 * garbage for a moment, and V8 and the C library would keep the room for it. They are told so when a
 * process starts and not later, so the daemon starts anew, as the same process.
 */
import { execve, tryFcntl } from '../linux/ffi.ts';

/**
 * Young objects' room in each thread is 4 MB, where V8 would have up to 16. It is kept rather than given back and taken
 * again, and one thread looks through it: to wake others takes longer.
 */
const FLAGS = ['--max-semi-space-size=4', '--min-semi-space-size=4', '--no-parallel-scavenge'];

const F_SETFD = 2;

/** Large buffers are given back when they are freed, and threads share what small ones come from. */
const VARIABLES = { MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_ARENA_MAX: '2' } as const;

/** To be called before anything is opened. Returns when the process is as it should be, or if its user has given Node options. */
export function startFrugally(): void {
  const { execPath, execArgv, argv, env, platform } = process;
  if (platform !== 'linux') return;
  if (execArgv.length === 0 && env['NODE_OPTIONS'] === undefined) {
    // Node has marked them to be closed here.
    for (const fd of [0, 1, 2]) tryFcntl(fd, F_SETFD, 0);
    // Where it fails the daemon is none the worse.
    execve(execPath, [execPath, ...FLAGS, ...argv.slice(1)], { ...env, ...VARIABLES });
  }
  // They are meant for this process only, not for those that it starts.
  for (const [name, value] of Object.entries(VARIABLES)) if (env[name] === value) delete env[name];
}
