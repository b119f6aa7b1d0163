import type { Check } from '../finding.ts';

/** ufw and firewalld do not know of published ports, and their users do not know that. */
export const firewallManagers: Check = ({ chains, host, containers, networks }) => {
  const open = containers.flatMap(({ bindings }) =>
    bindings.flatMap(({ hostAddress, hostPort }) => (/^(127\.|::1$)/.test(hostAddress) ? [] : [hostPort])),
  );
  const ports = [...new Set(open)];
  const hasUfw = chains.some(({ name, policy }) => name === 'ufw-user-input' && policy === undefined);
  const firewalld = host.nftables.tables.find(({ name }) => name === 'firewalld');
  const hasFirewalld =
    firewalld !== undefined || chains.some(({ name }) => name === 'FORWARD_IN_ZONES' || name === 'IN_public');
  return [
    ...(hasUfw && ports.length > 0
      ? [
          {
            severity: 'note' as const,
            what: `ufw does not guard published ports: they are translated before its rules for this host are asked, so ${ports.join(', ')} ${ports.length === 1 ? 'is' : 'are'} open to everybody whatever \`ufw status\` says.`,
            proof: ['iptables -t nat -L DOCKER; ufw status'],
            first: `iptables -I DOCKER-USER ! -s ALLOWED/24 -m conntrack --ctorigdstport ${ports[0]} -j DROP`,
            concerns: { ports },
          },
        ]
      : []),
    ...(hasFirewalld && networks.length > 0
      ? [
          {
            severity: 'note' as const,
            what: 'firewalld runs beside the engine: each of its reloads may take rules away (they are put back when that is seen), and bridges that are in no zone of it are in its default zone.',
            proof: [firewalld ? 'nft list table inet firewalld' : 'iptables -t filter -L FORWARD_IN_ZONES'],
            first: `firewall-cmd --permanent --zone=trusted --add-interface=${networks[0]!.bridge} && firewall-cmd --reload`,
          },
        ]
      : []),
  ];
};
