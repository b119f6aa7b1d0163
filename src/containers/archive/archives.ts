import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Stats } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import type { ContainerRecord } from '../../core/container/container.ts';
import { EngineError } from '../../core/network/error.ts';
import { withDirectory } from '../runtime/within.ts';
import { changedPaths, type PathChange } from './changes.ts';
import { extract, type ExtractOptions } from './extract.ts';
import { goMode, type PathStat } from './stat.ts';

/** The files in containers' root filesystems, running or not. */
export interface Archives {
  stat(container: ContainerRecord, path: string): Promise<PathStat>;
  /** A tar with the file or folder; a path that ends in `/.` gives the folder's content. */
  read(
    container: ContainerRecord,
    path: string,
  ): Promise<{ readonly stat: PathStat; readonly content: AsyncIterable<Uint8Array> }>;
  /** Unpacks a plain tar in the folder. */
  write(
    container: ContainerRecord,
    path: string,
    archive: AsyncIterable<Uint8Array>,
    options: ExtractOptions,
  ): Promise<void>;
  /** A tar of the whole root filesystem, without what is mounted in it. */
  export(container: ContainerRecord): Promise<AsyncIterable<Uint8Array>>;
  /** What differs from the image. */
  changes(container: ContainerRecord): Promise<readonly PathChange[]>;
  /** Bytes that the container wrote. */
  size(container: ContainerRecord): Promise<number>;
}

export interface ContainerRoots {
  /** Calls `use` with a path where the container's root filesystem is mounted until it resolves. */
  withRoot<T>(container: ContainerRecord, use: (root: string) => Promise<T>): Promise<T>;
  /** The folder of what the container wrote, and those of its image's layers, the top one first. */
  layers(container: ContainerRecord): { readonly upper: string; readonly lower: readonly string[] };
}

export class ContainerArchives implements Archives {
  readonly #roots: ContainerRoots;

  constructor(roots: ContainerRoots) {
    this.#roots = roots;
  }

  stat(container: ContainerRecord, path: string): Promise<PathStat> {
    return this.#find(container, path, async ({ stat }) => stat);
  }

  read(
    container: ContainerRecord,
    path: string,
  ): Promise<{ readonly stat: PathStat; readonly content: AsyncIterable<Uint8Array> }> {
    return this.#find(container, path, async ({ stat, folder, member }) => ({ stat, content: pack(folder, [member]) }));
  }

  write(
    container: ContainerRecord,
    path: string,
    archive: AsyncIterable<Uint8Array>,
    options: ExtractOptions,
  ): Promise<void> {
    return this.#within(container, path, async (root, inner, mount) => {
      if (mount && !mount.writable) throw new EngineError('forbidden', 'mounted volume is marked read-only');
      if (!mount && container.hostConfig.ReadonlyRootfs) {
        throw new EngineError('forbidden', 'container rootfs is marked read-only');
      }
      const isThere = await withDirectory(root, inner, async () => true);
      if (!isThere) {
        // Missing, or something else: stat tells which.
        await this.stat(container, path);
        throw new EngineError('invalid', 'extraction point is not a directory');
      }
      await extract(archive, root, inner, options);
    });
  }

  export(container: ContainerRecord): Promise<AsyncIterable<Uint8Array>> {
    return this.#roots.withRoot(container, async (root) => pack(root, await readdir(root)));
  }

  changes(container: ContainerRecord): Promise<readonly PathChange[]> {
    const { upper, lower } = this.#roots.layers(container);
    return changedPaths(upper, lower);
  }

  async size(container: ContainerRecord): Promise<number> {
    return folderSize(this.#roots.layers(container).upper);
  }

  /** Finds a path without following its last part, and how to pack it: a member of a folder. */
  #find<T>(
    container: ContainerRecord,
    path: string,
    use: (found: { readonly stat: PathStat; readonly folder: string; readonly member: string }) => Promise<T>,
  ): Promise<T> {
    return this.#within(container, path, async (root, inner) => {
      const isFolder = inner === '/' || /\/\.?$/.test(path);
      const [parent, member] = isFolder ? [inner, '.'] : [dirname(inner), basename(inner)];
      const name = basename(posix.normalize(`/${path}`)) || '/';
      const found = await withDirectory(root, parent, async (folder) => {
        const stats = await (isFolder ? stat(folder) : lstat(join(folder, member))).catch(missing);
        if (!stats) return undefined;
        const target = stats.isSymbolicLink() ? await readlink(join(folder, member)) : '';
        const linkTarget = target && posix.resolve(dirname(posix.normalize(`/${path}`)), target);
        return { value: await use({ stat: describe(name, stats, linkTarget), folder, member }) };
      });
      if (!found) throw new EngineError('not-found', `Could not find the file ${path} in container ${container.name}`);
      return found.value;
    });
  }

  /**
   * Calls `use` with the root that a path is to be looked up in, and the path there. A running
   * container's own view has all its mounts; of a stopped one, the mounts' sources are taken.
   */
  #within<T>(
    container: ContainerRecord,
    path: string,
    use: (root: string, inner: string, mount: ContainerRecord['mounts'][number] | undefined) => Promise<T>,
  ): Promise<T> {
    const absolute = posix.normalize(`/${path}`).replace(/(.)\/$/, '$1');
    const mount = container.mounts
      .filter(({ destination }) => absolute === destination || absolute.startsWith(`${destination}/`))
      .sort((a, b) => b.destination.length - a.destination.length)[0];
    const { pid } = container.state;
    if (pid > 0) return use(`/proc/${pid}/root`, absolute, mount);
    if (mount?.source)
      return useSource(mount.source, absolute.slice(mount.destination.length), (root, inner) =>
        use(root, inner, mount),
      );
    return this.#roots.withRoot(container, (root) => use(root, absolute, undefined));
  }
}

/** A mount's source may be a single file. */
async function useSource<T>(
  source: string,
  rest: string,
  use: (root: string, inner: string) => Promise<T>,
): Promise<T> {
  return (await stat(source)).isDirectory() ? use(source, rest || '/') : use(dirname(source), `/${basename(source)}`);
}

function missing(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}

const describe = (name: string, stats: Stats, linkTarget: string): PathStat => ({
  name,
  size: stats.size,
  mode: goMode(stats),
  mtime: stats.mtime.toISOString(),
  linkTarget,
});

const PACK_ARGUMENTS = [
  '--create',
  '--file=-',
  '--format=posix',
  '--pax-option=delete=atime,delete=ctime',
  '--numeric-owner',
  '--xattrs',
  '--xattrs-include=security.capability',
  '--xattrs-include=user.*',
];

/**
 * Packs members of a folder. tar is in the folder when this returns, so the way there may be closed;
 * it follows no symbolic link on its way down.
 */
function pack(folder: string, members: readonly string[]): AsyncIterable<Uint8Array> {
  const tar = spawn('tar', [...PACK_ARGUMENTS, '--', ...members], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  });
  const ended = once(tar, 'close') as Promise<[code: number | null, signal: string | null]>;
  // It is awaited when the output has ended; until then a failure to start must not count as unhandled.
  ended.catch(() => undefined);
  let complaint = '';
  tar.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-2000)));
  return (async function* () {
    try {
      yield* tar.stdout as AsyncIterable<Uint8Array>;
      const [code, signal] = await ended;
      // 1: a file changed while it was read, which in a running container is nobody's fault.
      if (code !== 0 && code !== 1) throw new Error(`tar ended with ${signal ?? code}: ${complaint.trim()}`);
    } finally {
      tar.kill('SIGKILL');
    }
  })();
}

async function folderSize(folder: string): Promise<number> {
  let total = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    // A file may go while it is looked at.
    if (entry.isDirectory()) total += await folderSize(path);
    else total += (await lstat(path).catch(missing))?.size ?? 0;
  }
  return total;
}
