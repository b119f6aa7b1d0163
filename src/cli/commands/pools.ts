/** `--subnet`, `--ip-range`, `--gateway` and `--aux-address` -> the API's pools. */
import { parseAddress } from '../../core/address/address.ts';
import { containsAddress, parseCidr } from '../../core/address/prefix.ts';
import { ExitError } from '../command.ts';

export interface PoolFlags {
  readonly subnet: readonly string[];
  readonly 'ip-range': readonly string[];
  readonly gateway: readonly string[];
  readonly 'aux-address': Readonly<Record<string, string>>;
}

export interface Pool {
  readonly Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/** A pool for each subnet, with the range, gateway and addresses that lie in it. */
export function poolsOf(flags: PoolFlags): readonly Pool[] {
  const { subnet: subnets, gateway: gateways, 'ip-range': ranges } = flags;
  if (subnets.length < ranges.length || subnets.length < gateways.length)
    throw new ExitError('every ip-range or gateway must have a corresponding subnet');
  const pools = subnets.map((subnet): Pool => ({ Subnet: subnet }));
  const of = (what: string, address: string): Pool => {
    const found = pools.find((pool) => holds(pool.Subnet, address));
    if (!found) throw new ExitError(`no matching subnet for ${what} ${address}`);
    return found;
  };
  for (const range of ranges) {
    const pool = of('range', range);
    if (pool.IPRange)
      throw new ExitError(
        `cannot configure multiple ranges (${range}, ${pool.IPRange}) on the same subnet (${pool.Subnet})`,
      );
    pool.IPRange = range;
  }
  for (const gateway of gateways) {
    const pool = of('gateway', gateway);
    if (pool.Gateway)
      throw new ExitError(
        `cannot configure multiple gateways (${gateway}, ${pool.Gateway}) for the same subnet (${pool.Subnet})`,
      );
    pool.Gateway = gateway;
  }
  for (const [name, address] of Object.entries(flags['aux-address']))
    (of('aux-address', address).AuxiliaryAddresses ??= {})[name] = address;
  return pools;
}

function holds(subnet: string, address: string): boolean {
  const outer = parseCidr(subnet);
  const inner = parseCidr(address)?.address ?? parseAddress(address);
  return outer !== undefined && inner !== undefined && containsAddress(outer.prefix, inner);
}
