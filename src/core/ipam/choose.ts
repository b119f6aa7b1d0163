/** Choosing a subnet for a network that did not ask for one, or only for a size. */
import { addressValue, BITS, type Version } from '../address/address.ts';
import { lastAddress, nthPrefix, overlaps, prefixCount, type Prefix } from '../address/prefix.ts';
import { ofVersion, type ParsedSource } from './sources.ts';

/**
 * Where the next search begins, for each version: behind the subnet that was given last, so that a
 * subnet that was just released is the last to be given again. Docker keeps it in memory only.
 */
export type PoolCursor = Readonly<Record<Version, bigint>>;

export const FIRST_POOLS: PoolCursor = { 4: 0n, 6: 0n };

export interface PoolSearch {
  readonly sources: readonly ParsedSource[];
  readonly version: Version;
  /** Prefix length to take instead of the sources' own; the cursor plays no part then. */
  readonly length?: number;
  /** What the subnet may not overlap: other networks' pools, routes and name servers of the host. */
  readonly obstacles: readonly Prefix[];
  readonly cursor: PoolCursor;
}

export interface ChosenPool {
  readonly prefix: Prefix;
  readonly cursor: PoolCursor;
}

/** The first free subnet from the cursor on, wrapping; undefined if there is none. */
export function choosePool(search: PoolSearch): ChosenPool | undefined {
  const { version, length, cursor } = search;
  const sources = ofVersion(search.sources, version).map(({ base, size }) => ({ base, size: length ?? size }));
  const total = sources.reduce((sum, { base, size }) => sum + prefixCount(base, size), 0n);
  if (total === 0n) return undefined;
  const start = length === undefined ? cursor[version] % total : 0n;
  const index = firstFree(sources, search.obstacles, start, total) ?? firstFree(sources, search.obstacles, 0n, start);
  if (index === undefined) return undefined;
  const next = length === undefined ? { ...cursor, [version]: index + 1n } : cursor;
  return { prefix: subnetAt(sources, index).prefix, cursor: next };
}

function firstFree(
  sources: readonly ParsedSource[],
  obstacles: readonly Prefix[],
  from: bigint,
  to: bigint,
): bigint | undefined {
  let index = from;
  while (index < to) {
    const { prefix, last } = subnetAt(sources, index);
    const obstacle = obstacles.find((other) => overlaps(other, prefix));
    if (!obstacle) return index;
    // Large obstacles are left in one step: a source may have more subnets than can be walked.
    const behind = addressValue(lastAddress(obstacle)) - addressValue(prefix.address);
    const skipped = (behind >> BigInt(BITS[prefix.address.version] - prefix.length)) + 1n;
    index = behind < 0n ? index + 1n : minimum(index + skipped, last + 1n);
  }
  return undefined;
}

const minimum = (a: bigint, b: bigint) => (a < b ? a : b);

/** The subnet of that number, counted through all sources, and the number of its source's last one. */
function subnetAt(sources: readonly ParsedSource[], index: bigint): { prefix: Prefix; last: bigint } {
  let before = 0n;
  for (const { base, size } of sources) {
    const count = prefixCount(base, size);
    if (index < before + count) return { prefix: nthPrefix(base, size, index - before)!, last: before + count - 1n };
    before += count;
  }
  throw new RangeError(`no subnet ${index} among ${before}`);
}
