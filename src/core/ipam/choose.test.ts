import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressOf, type Version } from '../address/address.ts';
import { overlaps, parsePrefix, prefixOf, printPrefix, type Prefix } from '../address/prefix.ts';
import { choosePool, FIRST_POOLS, type PoolCursor } from './choose.ts';
import { DEFAULT_SOURCES, parseSource, type PoolSource } from './sources.ts';

const blocks = (...texts: string[]): Prefix[] => texts.map((text) => parsePrefix(text)!);

/** Takes subnets until there are no more, or `count` of them. */
function take(
  sources: readonly PoolSource[],
  { version = 4, count = Infinity, obstacles = [], cursor = FIRST_POOLS }: Partial<Taking> = {},
): string[] {
  const taken: Prefix[] = [];
  let at = cursor;
  while (taken.length < count) {
    const chosen = choosePool({
      sources: sources.map(parseSource),
      version,
      obstacles: [...taken, ...obstacles],
      cursor: at,
    });
    if (!chosen) break;
    taken.push(chosen.prefix);
    at = chosen.cursor;
  }
  return taken.map(printPrefix);
}

interface Taking {
  readonly version: Version;
  readonly count: number;
  readonly obstacles: readonly Prefix[];
  readonly cursor: PoolCursor;
}

describe('order', () => {
  test('Docker has 31 subnets: 172.17 to 172.31, then 192.168 in sixteenths', () => {
    const subnets = take(DEFAULT_SOURCES);
    expect(subnets).toHaveLength(31);
    expect(subnets.slice(0, 15)).toEqual(Array.from({ length: 15 }, (_, index) => `172.${17 + index}.0.0/16`));
    expect(subnets.slice(15)).toEqual(Array.from({ length: 16 }, (_, index) => `192.168.${index * 16}.0/20`));
  });

  test('obstacles are stepped over: the article’s host had 172.18 and 172.19 in use', () => {
    const obstacles = blocks('172.17.0.0/16', '172.18.0.0/16', '172.19.0.0/16');
    expect(take(DEFAULT_SOURCES, { count: 2, obstacles })).toEqual(['172.20.0.0/16', '172.21.0.0/16']);
  });

  test('an address within a subnet is in its way, and so is a route around it', () => {
    const obstacles = blocks('172.17.0.53/32', '172.18.0.0/15', '172.20.0.0/14', '172.24.0.0/14');
    expect(take(DEFAULT_SOURCES, { count: 1, obstacles })).toEqual(['172.28.0.0/16']);
  });

  test('a subnet that was released comes last', () => {
    const search = { sources: DEFAULT_SOURCES.map(parseSource), version: 4, obstacles: [] } as const;
    const first = choosePool({ ...search, cursor: FIRST_POOLS })!;
    const second = choosePool({ ...search, cursor: first.cursor })!;
    expect([first, second].map(({ prefix }) => printPrefix(prefix))).toEqual(['172.17.0.0/16', '172.18.0.0/16']);
    const last = choosePool({ ...search, cursor: { ...FIRST_POOLS, 4: 30n } })!;
    const wrapped = choosePool({ ...search, cursor: last.cursor })!;
    expect([last, wrapped].map(({ prefix }) => printPrefix(prefix))).toEqual(['192.168.240.0/20', '172.17.0.0/16']);
  });

  test('the cursors of the versions are apart', () => {
    const sources = [...DEFAULT_SOURCES, { base: 'fd12::/48', size: 64 }].map(parseSource);
    const chosen = choosePool({ sources, version: 6, obstacles: [], cursor: FIRST_POOLS })!;
    expect(printPrefix(chosen.prefix)).toBe('fd12::/64');
    expect(chosen.cursor).toEqual({ 4: 0n, 6: 1n });
  });
});

describe('sizes', () => {
  const sources = DEFAULT_SOURCES.map(parseSource);
  test('a size of its own, from the first place where it fits', () => {
    const search = { sources, version: 4, length: 24, cursor: { 4: 7n, 6: 0n } } as const;
    const chosen = choosePool({ ...search, obstacles: blocks('172.17.0.0/16', '172.18.0.0/24') })!;
    expect(printPrefix(chosen.prefix)).toBe('172.18.1.0/24');
    expect(chosen.cursor).toEqual(search.cursor);
  });

  test('one that is larger than any source fits nowhere', () => {
    expect(choosePool({ sources, version: 4, length: 8, obstacles: [], cursor: FIRST_POOLS })).toBeUndefined();
    expect(choosePool({ sources, version: 6, length: 64, obstacles: [], cursor: FIRST_POOLS })).toBeUndefined();
  });

  test('a huge source behind a huge obstacle does not take for ever', () => {
    const huge = [{ base: 'fd00::/8', size: 64 }];
    const free = { version: 6, count: 1, obstacles: blocks('fd00::/9') } as const;
    expect(take(huge, free)).toEqual(['fd80::/64']);
    expect(take(huge, { ...free, obstacles: blocks('fc00::/7') })).toEqual([]);
    expect(take(huge, { ...free, cursor: { 4: 0n, 6: 2n ** 56n - 1n }, count: 2 })).toEqual([
      'fdff:ffff:ffff:ffff::/64',
      'fd80::/64',
    ]);
  });
});

test('what is chosen overlaps nothing, and all that is free is found', () => {
  const obstacle = fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** 16n - 1n }), fc.integer({ min: 14, max: 26 }))
    .map(([low, length]) => prefixOf(addressOf(4, 0x0a00_0000n + low * 16n)!, length));
  fc.assert(
    fc.property(fc.array(obstacle, { maxLength: 8 }), fc.nat(99), (obstacles, start) => {
      const sources = [
        { base: '10.0.0.0/18', size: 22 },
        { base: '10.0.128.0/19', size: 21 },
      ];
      const subnets = take(sources, { obstacles, cursor: { 4: BigInt(start), 6: 0n } });
      const all = take(sources);
      const free = all.filter((text) => !obstacles.some((other) => overlaps(parsePrefix(text)!, other)));
      expect(new Set(subnets)).toEqual(new Set(free));
      expect(subnets).toHaveLength(free.length);
    }),
  );
});
