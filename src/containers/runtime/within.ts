/**
 * Files of a container's root filesystem, looked up as the container itself would: symbolic links
 * never lead out, whatever the container does meanwhile. The kernel sees to that (openat2).
 */
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import * as ffi from '../../linux/ffi.ts';
import { O_CLOEXEC } from '../../linux/headers.ts';

const SYS_OPENAT2 = 437;
const RESOLVE_NO_MAGICLINKS = 0x02n;
const RESOLVE_IN_ROOT = 0x10n;
const OPEN_HOW_SIZE = 24;

function openWithin(root: string, path: string, flags: number): number | undefined {
  const directory = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const how = new BigUint64Array([BigInt(flags | O_CLOEXEC), 0n, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS]);
    return ffi.openat2(SYS_OPENAT2, directory, path, how, OPEN_HOW_SIZE);
  } catch (error) {
    if (error instanceof ffi.SystemError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  } finally {
    closeSync(directory);
  }
}

/** The text of a regular file; empty if there is none. */
export function readWithin(root: string, path: string): string {
  const fd = openWithin(root, path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fd === undefined) return '';
  try {
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** Calls `use` with a path by which the directory can be reached until it resolves; undefined if there is none. */
export async function withDirectory<T>(
  root: string,
  path: string,
  use: (reached: string) => Promise<T>,
): Promise<T | undefined> {
  const fd = openWithin(root, path, constants.O_RDONLY | constants.O_DIRECTORY);
  if (fd === undefined) return undefined;
  try {
    return await use(`/proc/${process.pid}/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}
