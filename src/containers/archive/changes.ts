import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** 0: modified, 1: added, 2: deleted, as the Engine API counts them. */
export interface PathChange {
  readonly Path: string;
  readonly Kind: 0 | 1 | 2;
}

/** What every container gets, whatever it does. */
const GIVEN = new Set([
  '/.dockerenv',
  '/dev',
  '/dev/console',
  '/dev/pts',
  '/dev/shm',
  '/dev/mqueue',
  '/etc/hostname',
  '/etc/hosts',
  '/etc/resolv.conf',
  '/proc',
  '/sys',
]);

/** What an overlay's upper folder changes in the layers below, of which the top one comes first. */
export async function changedPaths(upper: string, lower: readonly string[]): Promise<readonly PathChange[]> {
  const changes: PathChange[] = [];
  const walk = async (folder: string): Promise<void> => {
    const entries = await readdir(join(upper, folder), { withFileTypes: true });
    for (const { name } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = `${folder}/${name}`;
      const stats = await lookAt(join(upper, path));
      if (!stats) continue;
      const deleted = isWhiteout(stats);
      if (!GIVEN.has(path)) {
        const before = await isBelow(lower, path);
        changes.push({ Path: path, Kind: deleted ? 2 : before ? 0 : 1 });
      }
      if (stats.isDirectory()) await walk(path);
    }
  };
  await walk('');
  return changes.filter((change) => !isOnlyWayTo(change, changes));
}

/** Whether a folder is there only because of what is given. */
const isOnlyWayTo = ({ Path: path }: PathChange, changes: readonly PathChange[]): boolean =>
  path === '/etc' && !changes.some((other) => other.Path.startsWith('/etc/'));

async function isBelow(lower: readonly string[], path: string): Promise<boolean> {
  for (const layer of lower) {
    const stats = await lookAt(join(layer, path));
    if (stats) return !isWhiteout(stats);
  }
  return false;
}

const isWhiteout = (stats: Stats): boolean => stats.isCharacterDevice() && stats.rdev === 0;

async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch {
    // Gone meanwhile, or below something that is no folder in this layer.
    return undefined;
  }
}
