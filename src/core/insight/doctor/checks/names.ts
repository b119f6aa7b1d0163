import { printAddress } from '../../../address/address.ts';
import { RESOLVER_ADDRESS } from '../../../engine/etc.ts';
import type { LinuxNamespace } from '../../../model/linux.ts';
import type { Check } from '../finding.ts';

/** Containers on networks of their own find each other through a name server, on a port that port 53 is led to. */
export const names: Check = ({ containers, entries }) => {
  const wanting = new Set(entries.flatMap(({ object, owner }) => (object.kind === 'resolver' ? [owner.name] : [])));
  const insides = new Map(containers.flatMap(({ name, inside }) => (inside ? [[name, inside]] : [])));
  return [...insides].flatMap(([name, inside]) => {
    if (!wanting.has(name) || inside.unknown.has('sockets')) return [];
    const listens = inside.listeners.some(
      ({ address, protocol }) => protocol === 'udp' && address && printAddress(address) === RESOLVER_ADDRESS,
    );
    if (listens && leadsToServer(inside)) return [];
    return [
      {
        severity: 'error' as const,
        what: `${name} finds no names: ${listens ? `no rule in it leads ${RESOLVER_ADDRESS} port 53 to the name server` : `nobody answers at ${RESOLVER_ADDRESS} in it`}.`,
        proof: [listens ? `in ${name}: nft list ruleset` : `in ${name}: no UDP socket at ${RESOLVER_ADDRESS}`],
        first: 'restart the daemon: containers go on meanwhile',
        concerns: { containers: [name] },
      },
    ];
  });
};

function leadsToServer({ nftables, iptables, listeners, unknown }: LinuxNamespace): boolean {
  if (unknown.has('nftables') && unknown.has('iptables')) return true;
  if (listeners.some(({ port, address }) => port === 53 && address && printAddress(address) === RESOLVER_ADDRESS))
    return true;
  const rules = nftables.tables.flatMap(({ chains }) => [...chains.values()].flatMap((chain) => chain.rules));
  if (rules.some(({ statements }) => JSON.stringify(statements).includes(RESOLVER_ADDRESS))) return true;
  return iptables.some(({ chains }) =>
    [...chains.values()].some((chain) =>
      chain.rules.some(({ rule }) => JSON.stringify(rule).includes(RESOLVER_ADDRESS)),
    ),
  );
}
