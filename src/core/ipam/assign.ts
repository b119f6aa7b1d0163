/** Giving addresses to endpoints, from what the records say is in use. */
import {
  equalAddresses,
  nextAddress,
  parseAddress,
  printAddress,
  type Address,
  type Version,
} from '../address/address.ts';
import {
  broadcastAddress,
  containsAddress,
  hostAddress,
  lastAddress,
  parseCidr,
  parsePrefix,
  prefixSize,
  type Prefix,
} from '../address/prefix.ts';
import { EngineError } from '../network/error.ts';
import type { NetworkRecord, Pool } from '../network/network.ts';

/** Auxiliary names that set the containers' gateway instead of keeping an address for somebody else. */
const GATEWAY_KEYS: Readonly<Record<Version, string>> = { 4: 'DefaultGatewayIPv4', 6: 'DefaultGatewayIPv6' };

/** The network's pools of one IP version. */
export function poolsOf(network: NetworkRecord, version: Version): readonly Pool[] {
  return network.ipam.pools.filter((pool) => subnetOf(pool).address.version === version);
}

/** The gateway of the container that has `address`, given with prefix length; empty if there is none. */
export function containerGateway(network: NetworkRecord, text: string): string {
  const address = parseCidr(text)?.address;
  if (network.internal || !address) return '';
  const pool = network.ipam.pools.find((its) => containsAddress(subnetOf(its), address));
  return pool?.auxiliary?.[GATEWAY_KEYS[address.version]] ?? pool?.gateway ?? '';
}

/**
 * The lowest free address of the network's pools, with prefix length: `172.18.0.2/16`; empty if it
 * has no pool of that version. `inUse`: addresses of endpoints, with or without prefix length.
 */
export function assignAddress(network: NetworkRecord, version: Version, inUse: Iterable<string>): string {
  const pools = poolsOf(network, version);
  if (pools.length === 0) return '';
  const taken = bare(inUse);
  for (const pool of pools) {
    const address = lowestFree(pool, taken);
    if (address !== undefined) return withLength(address, subnetOf(pool));
  }
  throw new EngineError(
    'internal',
    `no available IPv${version} addresses on this network's address pools: ${network.name} (${network.id})`,
  );
}

/** The address that a user asked for, with prefix length; throws if it is taken, reserved or outside. */
export function claimAddress(network: NetworkRecord, text: string, inUse: Iterable<string>): string {
  const address = parseAddress(text);
  const pool = address && network.ipam.pools.find((candidate) => containsAddress(subnetOf(candidate), address));
  if (!address || !pool) throw new EngineError('invalid', `no configured subnet contains IP address ${text}`);
  const canonical = printAddress(address);
  if (isReserved(subnetOf(pool), address) || kept(pool).has(canonical) || bare(inUse).has(canonical)) {
    throw new EngineError('forbidden', 'Address already in use');
  }
  return withLength(canonical, subnetOf(pool));
}

/** The lowest free address of a pool or its range, without prefix length; undefined if all are taken. */
export function lowestFree(pool: Pool, taken: ReadonlySet<string>): string | undefined {
  const subnet = subnetOf(pool);
  const range = pool.ipRange === undefined ? subnet : parsePrefix(pool.ipRange)!;
  const unavailable = new Set([...reservedAddresses(subnet).map(printAddress), ...kept(pool)]);
  const last = lastAddress(range);
  for (let address = range.address; ; address = nextAddress(address)!) {
    const text = printAddress(address);
    if (!unavailable.has(text) && !taken.has(text)) return text;
    if (equalAddresses(address, last)) return undefined;
  }
}

/** Whether nobody may have the address: it stands for the subnet, or for all hosts in it. */
export function isReserved(subnet: Prefix, address: Address): boolean {
  return reservedAddresses(subnet).some((reserved) => equalAddresses(reserved, address));
}

/** The network address and the broadcast address; none if the subnet has one or two addresses only. */
function reservedAddresses(subnet: Prefix): readonly Address[] {
  if (prefixSize(subnet) <= 2n) return [];
  const broadcast = broadcastAddress(subnet);
  return broadcast ? [subnet.address, broadcast] : [subnet.address];
}

/** What the pool itself keeps: its gateway and its auxiliary addresses. */
function kept(pool: Pool): ReadonlySet<string> {
  const addresses = Object.values(pool.auxiliary ?? {});
  return new Set(pool.gateway === undefined ? addresses : [pool.gateway, ...addresses]);
}

function bare(addresses: Iterable<string>): ReadonlySet<string> {
  return new Set([...addresses].map(hostAddress));
}

function withLength(address: string, subnet: Prefix): string {
  return `${address}/${subnet.length}`;
}

function subnetOf(pool: Pool): Prefix {
  return parsePrefix(pool.subnet)!;
}
