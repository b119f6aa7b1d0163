import type { Stats } from 'node:fs';

/** A path in a container, as the Engine API describes it. */
export interface PathStat {
  readonly name: string;
  readonly size: number;
  /** Permissions, and the kind of file in the bits that Go gives it. */
  readonly mode: number;
  /** RFC 3339. */
  readonly mtime: string;
  /** Absolute path in the container; empty if it is no symbolic link. */
  readonly linkTarget: string;
}

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_ISVTX = 0o1000;

/** Go's os.FileMode. */
export function goMode(stats: Stats): number {
  const bit = (number: number, is: boolean): number => (is ? 2 ** number : 0);
  return (
    (stats.mode & 0o777) +
    bit(31, stats.isDirectory()) +
    bit(27, stats.isSymbolicLink()) +
    bit(26, stats.isBlockDevice() || stats.isCharacterDevice()) +
    bit(25, stats.isFIFO()) +
    bit(24, stats.isSocket()) +
    bit(23, (stats.mode & S_ISUID) !== 0) +
    bit(22, (stats.mode & S_ISGID) !== 0) +
    bit(21, stats.isCharacterDevice()) +
    bit(20, (stats.mode & S_ISVTX) !== 0)
  );
}
