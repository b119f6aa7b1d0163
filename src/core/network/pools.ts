/** The pools that a network gets: those that it asked for, or the next free ones. */
import { parseAddress, printAddress, BITS, type Version } from '../address/address.ts';
import { isSizeOnly, overlaps, parseCidr, parsePrefix, prefixOf, printPrefix, type Prefix } from '../address/prefix.ts';
import { isReserved, lowestFree } from '../ipam/assign.ts';
import { choosePool, type PoolCursor } from '../ipam/choose.ts';
import { ofVersion, parseSource, type PoolSource } from '../ipam/sources.ts';
import { EngineError } from './error.ts';
import type { NetworkRecord, Pool } from './network.ts';
import type { RequestedPool } from './pool-request.ts';

export interface PoolContext {
  readonly networks: readonly NetworkRecord[];
  readonly sources: readonly PoolSource[];
  readonly cursor: PoolCursor;
  /** Told where the next search for a subnet begins: behind this one, even if its network is refused afterwards. */
  readonly moveCursor: (cursor: PoolCursor) => void;
  /**
   * Routes and name servers of the host, as `10.0.0.0/8` or `10.0.0.53`: pools that nobody asked for
   * by name keep clear of them. A default route is no obstacle.
   */
  readonly avoid: readonly string[];
}

/** The pools of each version, IPv4 first; one of each, unless the driver takes `several`. */
export function resolvePools(
  versions: readonly Version[],
  requested: readonly RequestedPool[],
  context: PoolContext,
  several = false,
): readonly Pool[] {
  const taken: Prefix[] = [];
  for (const network of context.networks) taken.push(...subnetsOf(network));
  let { cursor } = context;
  return versions.flatMap((version) => {
    const wanted: readonly (RequestedPool | undefined)[] = requested.filter((pool) => pool.version === version);
    if (wanted.length > 1 && !several) {
      throw new EngineError('forbidden', "bridge driver doesn't support multiple subnets");
    }
    return (wanted.length > 0 ? wanted : [undefined]).map((pool) => {
      const chosen = chooseSubnet(version, pool?.subnet, taken, { ...context, cursor });
      cursor = chosen.cursor;
      context.moveCursor(cursor);
      taken.push(chosen.subnet);
      return fillPool(chosen.subnet, pool);
    });
  });
}

/** Networks' subnets as they were parsed once: there may be a thousand, and records do not change. */
const parsed = new WeakMap<NetworkRecord, readonly Prefix[]>();

function subnetsOf(network: NetworkRecord): readonly Prefix[] {
  let subnets = parsed.get(network);
  if (!subnets) {
    subnets = network.ipam.pools.map(({ subnet }) => parsePrefix(subnet)!);
    parsed.set(network, subnets);
  }
  return subnets;
}

function chooseSubnet(
  version: Version,
  wanted: Prefix | undefined,
  taken: readonly Prefix[],
  { sources, cursor, avoid, networks }: PoolContext,
): { subnet: Prefix; cursor: PoolCursor } {
  if (wanted && !isSizeOnly(wanted)) {
    if (!taken.some((other) => overlaps(other, wanted))) return { subnet: wanted, cursor };
    throw new EngineError('forbidden', 'Pool overlaps with other one on this address space');
  }
  const chosen = choosePool({
    sources: sources.map(parseSource),
    version,
    ...(wanted ? { length: wanted.length } : {}),
    obstacles: [...taken, ...avoid.flatMap(obstacle)],
    cursor,
  });
  if (chosen) return { subnet: chosen.prefix, cursor: chosen.cursor };
  throw new EngineError(
    'invalid',
    `could not find an available, non-overlapping IPv${version} address pool among the defaults to assign to the network` +
      inTheWay(sources, version, networks, avoid),
  );
}

/** Who holds what of the sources: what the user can give up. */
function inTheWay(
  sources: readonly PoolSource[],
  version: Version,
  networks: readonly NetworkRecord[],
  avoid: readonly string[],
): string {
  const bases = ofVersion(sources.map(parseSource), version).map(({ base }) => base);
  const isInTheWay = (text: string) => obstacle(text).some((its) => bases.some((base) => overlaps(base, its)));
  const held = networks.flatMap(({ name, ipam }) =>
    ipam.pools.flatMap(({ subnet }) => (isInTheWay(subnet) ? [`network ${name} has ${subnet}`] : [])),
  );
  // Most routes lead to the networks themselves.
  const known = new Set(networks.flatMap(({ ipam }) => ipam.pools.map(({ subnet }) => subnet)));
  const foreign = [...new Set(avoid)].filter((text) => !known.has(text));
  const holders = [...held, ...foreign.filter(isInTheWay).map((text) => `the host needs ${text}`)];
  return holders.length === 0 ? '' : ` (${holders.join(', ')})`;
}

function obstacle(text: string): Prefix[] {
  const cidr = parseCidr(text);
  if (cidr) return cidr.prefix.length === 0 ? [] : [cidr.prefix];
  const address = parseAddress(text);
  return address ? [prefixOf(address, BITS[address.version])] : [];
}

/** The gateway is given first, so that it gets the first address; then the auxiliary ones are kept. */
function fillPool(subnet: Prefix, wanted: RequestedPool | undefined): Pool {
  const { ipRange, gateway: wish, auxiliary = {} } = wanted?.request ?? {};
  const frame: Pool = {
    subnet: printPrefix(subnet),
    ...(ipRange ? { ipRange: printPrefix(parsePrefix(ipRange)!) } : {}),
  };
  const gateway = wish ? canonical(wish) : lowestFree(frame, new Set());
  if (gateway === undefined) {
    throw new EngineError('forbidden', `failed to allocate gateway: No available addresses on this pool (${ipRange})`);
  }
  const taken = new Set<string>();
  const take = (address: string, what: string) => {
    if (taken.has(address) || isReserved(subnet, parseAddress(address)!)) {
      throw new EngineError('forbidden', `failed to allocate ${what}: Address already in use`);
    }
    taken.add(address);
  };
  take(gateway, `gateway (${gateway})`);
  const kept = Object.entries(auxiliary).map(([name, address]) => [name, canonical(address)] as const);
  for (const [name, address] of kept) take(address, `secondary ip address (${name}:${address})`);
  return { ...frame, gateway, ...(kept.length > 0 ? { auxiliary: Object.fromEntries(kept) } : {}) };
}

const canonical = (text: string): string => printAddress(parseAddress(text)!);

/** The pools as Docker shows them: a version that was asked for as it was written, another as it was chosen. */
export function shownPools({ ipam }: NetworkRecord): readonly Pool[] {
  const requested = (ipam.requested ?? []).filter(({ subnet }) => !isSizeOnly(parseCidr(subnet)!.prefix));
  const ofVersion = (pools: readonly Pool[], version: Version) =>
    pools.filter(({ subnet }) => subnet.includes(':') === (version === 6));
  return ([4, 6] as const).flatMap((version) => {
    const written = ofVersion(requested, version);
    return written.length > 0 ? written : ofVersion(ipam.pools, version);
  });
}
