/**
 * Network namespaces: making and removing them, and the one function that steps into one.
 *
 * A namespace is named by a path that keeps it alive: a file with the namespace bind-mounted on it.
 */
import { closeSync, mkdirSync, openSync, rmSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import * as ffi from './ffi.ts';
import { MNT_DETACH, MS_BIND } from './headers.ts';

const CLONE_NEWNET = 0x40000000;
const NSFS_MAGIC = 0x6e736673;

/** The calling thread's namespace: in a worker, /proc/self would be the main thread's. */
const CURRENT = '/proc/thread-self/ns/net';

/**
 * Runs `run` with the calling thread in the network namespace at `path`, and comes back.
 *
 * The dangers, and what follows from them:
 * - A namespace belongs to a thread. `run` must be synchronous: what it leaves to a callback or an
 *   `await` happens at home, and what it hands to Node's thread pool (asynchronous fs, dns) happens
 *   in a thread that never was here. Synchronous fs, sockets through `ffi` and spawnSync are fine.
 * - `net` and `dgram` bind later than they are called: make and bind the socket here by its fd
 *   (`socket.ts`), then hand the fd to `dgram.bind({ fd })` or `server.listen({ fd })` outside.
 * - A thread that cannot come back would do everything after in the wrong namespace, so the process
 *   is aborted.
 * - A socket keeps its namespace alive, and with it the links inside, until it is closed.
 * - setns through koffi's `.async` would strand a pool thread in a foreign namespace: never do.
 */
export function withNamespace<T>(path: string, run: () => T): T {
  const home = openSync(CURRENT, 'r');
  try {
    enterNamespace(path);
    let result: T;
    try {
      result = run();
    } finally {
      comeBack(home);
    }
    if (result instanceof Promise) throw new TypeError('withNamespace runs synchronous functions only');
    return result;
  } finally {
    closeSync(home);
  }
}

/** Moves the calling thread into the network namespace at `path` for good: only for a thread's start. */
export function enterNamespace(path: string): void {
  const there = openSync(path, 'r');
  try {
    ffi.setns(there, CLONE_NEWNET);
  } finally {
    closeSync(there);
  }
}

function comeBack(home: number): void {
  try {
    ffi.setns(home, CLONE_NEWNET);
  } catch {
    ffi.abort();
  }
}

/** Whether a namespace is mounted at `path`. After a kill or a reboot there may be a bare file. */
export function isNamespace(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Makes an empty network namespace, kept alive by `path`, whose folder is made if it is missing.
 * Throws EEXIST if there is a namespace at `path` already.
 */
export function createNamespace(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
  if (isNamespace(path)) throw new ffi.SystemError('unshare', 'EEXIST', 'File exists');
  closeSync(openSync(path, 'w', 0o444));
  const home = openSync(CURRENT, 'r');
  try {
    ffi.unshare(CLONE_NEWNET);
    try {
      ffi.mount(CURRENT, path, null, MS_BIND, null);
    } finally {
      comeBack(home);
    }
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(home);
  }
}

/**
 * Lets go of the namespace at `path`; it ends when the last process and socket have left it.
 * One that is gone already is no error.
 */
export function removeNamespace(path: string): void {
  try {
    ffi.umount2(path, MNT_DETACH);
  } catch (error) {
    // EINVAL: a leftover file with nothing mounted on it.
    const code = error instanceof ffi.SystemError ? error.code : '';
    if (code === 'ENOENT') return;
    if (code !== 'EINVAL') throw error;
  }
  rmSync(path, { force: true });
}
