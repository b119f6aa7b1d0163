import { nthPrefix, overlaps, parsePrefix, prefixCount, prefixSize, type Prefix } from '../../../address/prefix.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { settingProof } from '../proof.ts';

/** Addresses, pools and connections that have come to an end, or nearly. */
export const exhausted: Check = (facts) => [...addresses(facts), ...pools(facts), ...connections(facts)];

/** From here on it is worth a word. */
const NEARLY = 0.9;

function addresses({ engine, containers }: Facts) {
  return (engine?.networks ?? []).flatMap(
    ({
      name,
      bridge,
      ipam: {
        pools: [pool],
      },
    }) => {
      const range = pool && bridge && parsePrefix(pool.ipRange ?? pool.subnet);
      if (!range) return [];
      // Network, gateway and broadcast address are nobody's.
      const room = Math.max(1, Number(prefixSize(range)) - (pool.ipRange === undefined ? 3 : 0));
      const used = containers.filter(({ network }) => network === name).length;
      if (used < room * NEARLY) return [];
      return [
        {
          severity: used >= room ? ('error' as const) : ('warning' as const),
          what:
            used >= room
              ? `All addresses that ${name} has for containers are in use: ${used} of ${room}.`
              : `${used} of the ${room} addresses that ${name} has for containers are in use.`,
          proof: [`${pool.ipRange ?? pool.subnet}: ${used} containers`],
          first: `passerelle network create --subnet LARGER ${name}-2`,
          concerns: { networks: [name] },
        },
      ];
    },
  );
}

function pools({ engine, host }: Facts) {
  if (!engine || engine.addressPools.length === 0) return [];
  const taken = [
    ...engine.networks.flatMap(({ ipam }) => ipam.pools.flatMap(({ subnet }) => parsePrefix(subnet) ?? [])),
    ...host.routes.flatMap(({ to, type }) => (type === 'unicast' && to.length > 0 ? [to] : [])),
  ].filter(({ address }) => address.version === 4);
  let free = 0;
  let all = 0;
  for (const { base, size } of engine.addressPools) {
    const source = parsePrefix(base);
    if (source?.address.version !== 4) continue;
    const count = Number(prefixCount(source, size));
    all += count;
    free += freeIn(source, size, count, taken);
  }
  if (all === 0 || free > 2) return [];
  return [
    {
      severity: free === 0 ? ('error' as const) : ('warning' as const),
      what:
        free === 0
          ? `All ${all} address pools are in use: no network can be created without --subnet.`
          : `Only ${free} of ${all} address pools ${free === 1 ? 'is' : 'are'} free for new networks.`,
      proof: engine.networks.flatMap(({ name, ipam }) => ipam.pools.map(({ subnet }) => `${subnet}: ${name}`)),
      first: 'passerelle network prune',
    },
  ];
}

/** More than a few are enough to know. */
const ENOUGH = 3;

function freeIn(source: Prefix, size: number, count: number, taken: readonly Prefix[]): number {
  let free = 0;
  for (let index = 0; index < count && free < ENOUGH; index += 1) {
    const block = nthPrefix(source, size, BigInt(index));
    if (block && !taken.some((its) => overlaps(its, block))) free += 1;
  }
  return free;
}

const COUNT = 'net/netfilter/nf_conntrack_count';
const MOST = 'net/netfilter/nf_conntrack_max';

function connections({ host }: Facts) {
  const [count, most] = [host.sysctls.get(COUNT), host.sysctls.get(MOST)];
  if (count === undefined || most === undefined || Number(most) === 0 || Number(count) < Number(most) * NEARLY)
    return [];
  return [
    {
      severity: 'error' as const,
      what: `The table of connections is full (${count} of ${most}): new ones are dropped at random.`,
      proof: [settingProof(COUNT, count), settingProof(MOST, most)],
      first: `sysctl -w net.netfilter.nf_conntrack_max=${Number(most) * 2}`,
    },
  ];
}
