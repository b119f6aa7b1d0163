import type { PortBinding } from '../../../network/endpoint.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { callOf, walked } from '../walked.ts';

/** So many ports are walked to. */
const WALKS = 50;

/** ufw and firewalld do not know of published ports, and their users do not know that. */
export const firewallManagers: Check = (facts) => {
  const { chains, host, networks } = facts;
  const hasUfw = chains.some(({ name, policy }) => name === 'ufw-user-input' && policy === undefined);
  const open = hasUfw ? openPorts(facts) : [];
  const ports = [...new Set(open.map(({ hostPort }) => hostPort))];
  const firewalld = host.nftables.tables.find(({ name }) => name === 'firewalld');
  const hasFirewalld =
    firewalld !== undefined || chains.some(({ name }) => name === 'FORWARD_IN_ZONES' || name === 'IN_public');
  return [
    ...(ports.length > 0
      ? [
          {
            severity: 'note' as const,
            what: `ufw does not guard published ports: they are translated before its rules for this host are asked, so ${ports.join(', ')} ${ports.length === 1 ? 'is' : 'are'} open to everybody whatever \`ufw status\` says.`,
            proof: open.map((binding) => `passerelle trace --to ${callOf(binding)}: PASS`),
            first: fence(facts, open[0]!),
            concerns: { ports },
          },
        ]
      : []),
    ...(hasFirewalld && networks.length > 0
      ? [
          {
            severity: 'note' as const,
            what: 'firewalld runs beside the engine: each of its reloads may take rules away (they are put back when that is seen), and bridges that are in no zone of it are in its default zone, which may refuse what their containers send. Docker puts its bridges into a zone itself, by D-Bus; Passerelle leaves that to you.',
            proof: [firewalld ? 'nft list table inet firewalld' : 'iptables -t filter -L FORWARD_IN_ZONES'],
            first: `firewall-cmd --permanent --zone=trusted ${networks.map(({ bridge }) => `--add-interface=${bridge}`).join(' ')} && firewall-cmd --reload`,
          },
        ]
      : []),
  ];
};

function openPorts(facts: Facts): readonly PortBinding[] {
  const called = facts.containers.flatMap(({ bindings }) => bindings).filter((binding) => callOf(binding));
  return called
    .slice(0, WALKS)
    .filter((binding) => walked(facts, { from: 'world', to: callOf(binding)! })?.verdict === 'pass');
}

/** Keeps all but the allowed from a port, in the chain that is the user's. */
function fence({ engine }: Facts, { protocol, hostPort }: PortBinding): string {
  return engine?.firewall.backend === 'nftables'
    ? `nft insert rule ip passerelle user ip saddr != ALLOWED meta l4proto ${protocol} ct original proto-dst ${hostPort} drop`
    : `iptables -I DOCKER-USER ! -s ALLOWED -p ${protocol} -m conntrack --ctorigdstport ${hostPort} -j DROP`;
}
