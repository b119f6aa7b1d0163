import { overlaps, parsePrefix, printPrefix } from '../../../address/prefix.ts';
import { printAddress } from '../../../address/address.ts';
import { MAIN } from '../../../model/route.ts';
import type { Check } from '../finding.ts';

/** A network whose addresses also lie somewhere else: a VPN or a neighbouring network that came later. */
export const overlappingRoutes: Check = ({ host, networks }) =>
  networks.flatMap(({ name, bridge, subnets }) =>
    subnets.flatMap((subnet) => {
      const prefix = parsePrefix(subnet);
      if (!prefix) return [];
      const routes = host.routes.filter(
        ({ table, type, to, link }) =>
          table === MAIN && type === 'unicast' && to.length > 0 && link !== bridge && overlaps(prefix, to),
      );
      return routes.map(({ to, link, via }) => ({
        severity: to.length >= prefix.length ? ('error' as const) : ('warning' as const),
        what:
          to.length > prefix.length
            ? `Part of ${name} (${subnet}) is routed to ${link}: containers with addresses there are not reached.`
            : `${name} (${subnet}) lies within what is reached over ${link}: from containers and this host, those machines there are hidden behind ${bridge}.`,
        proof: [`${printPrefix(to)}${via ? ` via ${printAddress(via)}` : ''} dev ${link}`, `${subnet} dev ${bridge}`],
        first: `docker network create --subnet ANOTHER ${name}-2`,
        concerns: { networks: [name] },
      }));
    }),
  );
