/**
 * Processes started without a copy of the daemon's memory: Node forks, for which the kernel marks the
 * whole address space, 5 to 10 ms of the main thread's time for each; this takes 0.3 ms.
 */
import * as ffi from './ffi.ts';

export interface ProcessStart {
  /** An absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Its working directory. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Its file descriptors from 0 on; null: /dev/null. */
  readonly files: readonly (number | null)[];
}

const O_RDWR = 2;
/** Flags of posix_spawn: signals as a new process has them, and a session of its own. */
const FLAGS = 0x04 | 0x08 | 0x80;
/** More than any C library's posix_spawnattr_t and posix_spawn_file_actions_t, and a sigset_t. */
const ROOM = 512;

/** How soon is looked again for the end of a process whose last file is closed (ms). */
const AGAIN = 10;

/** Reaps a process that was started here and is just ending. */
export function reap(pid: number): void {
  if (!ffi.tryReap(pid)) setTimeout(reap, AGAIN, pid).unref();
}

/** Starts a process in a session of its own and gives its pid; it is to be reaped. Throws SystemError. */
export function startProcess({ program, args, directory, environment, files }: ProcessStart): number {
  const attributes = new Uint8Array(ROOM);
  const actions = new Uint8Array(ROOM);
  ffi.spawnAttributes.init(attributes);
  ffi.spawnActions.init(actions);
  try {
    ffi.spawnAttributes.setFlags(attributes, FLAGS);
    ffi.spawnAttributes.setDefaultSignals(attributes, new Uint8Array(ROOM).fill(255));
    ffi.spawnAttributes.setSignalMask(attributes, new Uint8Array(ROOM));
    ffi.spawnActions.changeDirectory(actions, directory);
    for (const [target, fd] of files.entries()) {
      if (fd === null) ffi.spawnActions.open(actions, target, '/dev/null', O_RDWR, 0);
      else ffi.spawnActions.duplicate(actions, fd, target);
    }
    // nftables' library leaves its sockets open to all that are started.
    ffi.closeFilesFrom(actions, files.length);
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    return ffi.spawn(program, actions, attributes, [program, ...args], variables);
  } finally {
    ffi.spawnActions.destroy(actions);
    ffi.spawnAttributes.destroy(attributes);
  }
}
