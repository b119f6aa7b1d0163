import { lstatSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { RuntimeError } from '../../core/engine/runtime.ts';
import * as ffi from '../../linux/ffi.ts';
import { mountOverlay, unmount } from '../../linux/mount.ts';
import type { ContainerPaths } from './paths.ts';

const MS_NOSUID = 2;
const MS_NODEV = 4;
const MS_NOEXEC = 8;

/** Whether something is mounted on this directory. */
export function isMounted(path: string): boolean {
  const [here, above] = [path, dirname(path)].map((name) => lstatSync(name, { throwIfNoEntry: false })?.dev);
  return here !== undefined && here !== above;
}

/** The mounted root filesystems. One stays mounted as long as somebody holds it: its container's run, or a copy. */
export class Roots {
  readonly #holds = new Map<string, number>();

  /** Mounts an overlay of `layers` (the top one first), unless it is mounted already. */
  hold({ root, upper, work }: ContainerPaths, layers: readonly string[]): void {
    try {
      for (const path of [upper, work, root]) mkdirSync(path, { recursive: true });
      if (!isMounted(root)) mountOverlay(root, { lower: layers, upper, work });
    } catch (error) {
      throw new RuntimeError(`cannot mount the root filesystem ${root}: ${(error as Error).message}`);
    }
    this.#holds.set(root, (this.#holds.get(root) ?? 0) + 1);
  }

  /** Gives a hold back; the last one unmounts. So does one that nobody holds: an earlier engine left it. */
  release({ root }: ContainerPaths): void {
    const left = (this.#holds.get(root) ?? 0) - 1;
    if (left > 0) {
      this.#holds.set(root, left);
    } else {
      this.#holds.delete(root);
      unmount(root);
    }
  }
}

/** Shared memory on the host's side, for other containers to join. */
export function mountShm(path: string, options: readonly string[]): void {
  mkdirSync(path, { recursive: true });
  ffi.mount('shm', path, 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, options.join(','));
}
