/** What a request says about pools, checked as Docker checks it: everything wrong is told at once. */
import { parseAddress, unmapAddress, type Version } from '../address/address.ts';
import {
  containsAddress,
  hasHostBits,
  overlaps,
  parseCidr,
  printPrefix,
  type Cidr,
  type Prefix,
} from '../address/prefix.ts';
import type { PoolRequest } from '../engine/engine.ts';
import type { Pool } from './network.ts';
import { refuse } from './refusals.ts';

/** The requested pools by version. IPv6 ones are neither checked nor given back without `enableIPv6`. */
export function checkPools(requests: readonly PoolRequest[], enableIPv6: boolean): readonly RequestedPool[] {
  const problems: string[] = [];
  const pools: RequestedPool[] = [];
  for (const request of requests) {
    const subnet = parseSubnet(request.subnet ?? '');
    if (!subnet) {
      problems.push(`invalid subnet ${request.subnet ?? ''}: invalid CIDR block notation`);
      continue;
    }
    const { version } = subnet.address;
    if (version === 6 && !enableIPv6) continue;
    problems.push(...poolProblems(request, subnet));
    pools.push({ version, subnet: subnet.prefix, request });
  }
  refuse('invalid network config', problems);
  return pools;
}

export interface RequestedPool {
  readonly version: Version;
  readonly subnet: Prefix;
  readonly request: PoolRequest;
}

/** As it is kept and shown: the user's own words, without what is empty. */
export function poolAsWritten({ subnet, ipRange, gateway, auxiliary }: PoolRequest): Pool {
  return {
    subnet: subnet ?? '',
    ...(ipRange ? { ipRange } : {}),
    ...(gateway ? { gateway } : {}),
    ...(auxiliary && Object.keys(auxiliary).length > 0 ? { auxiliary } : {}),
  };
}

function parseSubnet(text: string): Cidr | undefined {
  const cidr = parseCidr(text);
  // An IPv4-mapped block names no network: it is neither an IPv4 nor an IPv6 one.
  return cidr && unmapAddress(cidr.address) === cidr.address ? cidr : undefined;
}

function poolProblems(request: PoolRequest, subnet: Cidr): string[] {
  const { ipRange, gateway, auxiliary = {} } = request;
  const problems: string[] = [];
  if (hasHostBits(subnet)) {
    problems.push(`invalid subnet ${request.subnet}: it should be ${printPrefix(subnet.prefix)}`);
  }
  if (ipRange)
    problems.push(...rangeProblems(ipRange, subnet.prefix).map((why) => `invalid ip-range ${ipRange}: ${why}`));
  if (gateway)
    problems.push(...memberProblems(gateway, subnet.prefix).map((why) => `invalid gateway ${gateway}: ${why}`));
  for (const [name, address] of Object.entries(auxiliary)) {
    problems.push(...memberProblems(address, subnet.prefix).map((why) => `invalid auxiliary address ${name}: ${why}`));
  }
  return problems;
}

function rangeProblems(text: string, subnet: Prefix): string[] {
  const range = parseCidr(text);
  if (!range) return ['invalid CIDR block notation'];
  if (range.address.version !== subnet.address.version) return [otherVersion(subnet)];
  const problems: string[] = [];
  if (range.prefix.length < subnet.length) {
    problems.push(`CIDR block is bigger than its parent subnet ${printPrefix(subnet)}`);
  }
  if (hasHostBits(range)) problems.push(`it should be ${printPrefix(range.prefix)}`);
  if (!overlaps(subnet, range.prefix)) problems.push(`parent subnet ${printPrefix(subnet)} doesn't contain ip-range`);
  return problems;
}

function memberProblems(text: string, subnet: Prefix): string[] {
  const address = parseAddress(text);
  if (!address) return ['invalid address'];
  if (address.version !== subnet.address.version) return [otherVersion(subnet)];
  return containsAddress(subnet, address) ? [] : [`parent subnet ${printPrefix(subnet)} doesn't contain this address`];
}

const otherVersion = (subnet: Prefix): string => `parent subnet is an IPv${subnet.address.version} block`;
