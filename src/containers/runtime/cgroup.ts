import { existsSync, readdirSync, rmdirSync, statfsSync } from 'node:fs';
import { readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isMissing, readIfPresent } from './files.ts';

const MOUNT = '/sys/fs/cgroup';
const CGROUP2_MAGIC = 0x63677270;
/** How often the removal of a directory is tried whose last process the kernel has not put away yet. */
const ATTEMPTS = 100;

async function removeTree(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await rmdir(path);
    } catch (error) {
      if (isMissing(error)) return;
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || attempt === ATTEMPTS) throw error;
      const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
      const inside = entries.filter((entry) => entry.isDirectory());
      if (inside.length > 0) await Promise.all(inside.map(({ name }) => removeTree(join(path, name))));
      else await pause(10);
    }
  }
}

/** The cgroups of all containers: one directory for each, in one tree (v2) or one a controller (v1). */
export class Cgroups {
  readonly unified: boolean;
  readonly #parent: string;
  readonly #trees: readonly string[];

  /** @param parent The name of the directory that holds them. */
  constructor(parent: string) {
    this.#parent = parent;
    this.unified = statfsSync(MOUNT).type === CGROUP2_MAGIC;
    this.#trees = this.unified ? [MOUNT] : readdirSync(MOUNT).map((name) => join(MOUNT, name));
  }

  /** As the OCI configuration names it. */
  path(id: string): string {
    return `/${this.#parent}/${id}`;
  }

  /** Whether swap can be limited; some kernels do not count it. */
  get swap(): boolean {
    return this.unified || existsSync(join(MOUNT, 'memory', 'memory.memsw.limit_in_bytes'));
  }

  /** PIDs in the host's namespace. */
  processes(id: string): readonly number[] {
    const lists = this.#trees.map((tree) => readIfPresent(join(tree, this.path(id), 'cgroup.procs')));
    const pids = lists.flatMap((list) => (list ?? '').split('\n').filter(Boolean).map(Number));
    return [...new Set(pids)].sort((one, other) => one - other);
  }

  /** Whether the kernel has killed one of its processes for want of memory. */
  oomKilled(id: string): boolean {
    const file = this.unified
      ? join(MOUNT, this.path(id), 'memory.events')
      : join(MOUNT, 'memory', this.path(id), 'memory.oom_control');
    return /^oom_kill [1-9]/m.test(readIfPresent(file) ?? '');
  }

  /** Lets frozen processes go on: frozen, they would not even die. */
  async thaw(id: string): Promise<void> {
    const file = this.unified
      ? join(MOUNT, this.path(id), 'cgroup.freeze')
      : join(MOUNT, 'freezer', this.path(id), 'freezer.state');
    if (!existsSync(file)) return;
    await writeFile(file, this.unified ? '0' : 'THAWED').catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }

  /** Removes the container's directories, with those that its processes made in them. It has no process any more. */
  async remove(id: string): Promise<void> {
    await Promise.all(this.#trees.map((tree) => removeTree(join(tree, this.path(id)))));
  }

  /** Removes the directory that holds the containers' ones, where none is left in it. */
  close(): void {
    for (const tree of this.#trees) {
      try {
        rmdirSync(join(tree, this.#parent));
      } catch {
        // Another engine's containers are in it, or none ever was.
      }
    }
  }
}
