import type { Check } from '../finding.ts';
import { settingProof } from '../proof.ts';

const IPV4 = 'net/ipv4/ip_forward';

/** Without forwarding a host is no router: its bridges lead nowhere. */
export const forwarding: Check = ({ host, networks }) => {
  const value = host.sysctls.get(IPV4);
  if (value !== '0' || networks.length === 0) return [];
  return [
    {
      severity: 'error',
      what: 'The host does not forward packets: containers reach nobody outside of their network, and published ports lead nowhere.',
      proof: [settingProof(IPV4, value)],
      first: 'sysctl -w net.ipv4.ip_forward=1',
    },
  ];
};
