import { MAIN } from '../../../model/route.ts';
import type { Check } from '../finding.ts';

/** What the host cannot reach, its containers cannot reach either. */
export const noWayOut: Check = ({ host, networks }) => {
  if (host.unknown.has('routes') || networks.length === 0) return [];
  const isDefault = host.routes.some(({ table, type, to }) => type === 'unicast' && to.length === 0 && table <= MAIN);
  if (isDefault) return [];
  return [
    {
      severity: 'warning',
      what: 'The host has no default route: containers reach the machines on its own links, and nobody beyond.',
      proof: ['ip route show default: nothing'],
      first: 'ip route add default via ROUTER',
    },
  ];
};
