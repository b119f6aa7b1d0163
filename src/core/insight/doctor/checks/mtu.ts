import { MAIN } from '../../../model/route.ts';
import type { Check } from '../finding.ts';

/** Packets that fit the bridge, and not the way out: connections begin, and hang with the first large answer. */
export const mtu: Check = ({ host, networks }) => {
  const way = host.routes.find(({ table, type, to }) => table === MAIN && type === 'unicast' && to.length === 0);
  const uplink = way?.link === undefined ? undefined : host.links.get(way.link);
  if (!uplink) return [];
  return networks.flatMap(({ name, bridge, internal }) => {
    const its = host.links.get(bridge);
    if (internal || !its || its.mtu <= uplink.mtu) return [];
    return [
      {
        severity: 'warning' as const,
        what: `${name} takes packets of ${its.mtu} bytes, and the way out by ${uplink.name} only ${uplink.mtu}: connections hang with the first large packet where ICMP is filtered.`,
        proof: [`${bridge} mtu ${its.mtu}`, `${uplink.name} mtu ${uplink.mtu}`],
        first: `docker network create -o com.docker.network.driver.mtu=${uplink.mtu} ${name}-2`,
        concerns: { networks: [name] },
      },
    ];
  });
};
