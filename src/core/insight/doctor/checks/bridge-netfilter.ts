import type { Check } from '../finding.ts';
import { settingProof } from '../proof.ts';

const SETTING = 'net/bridge/bridge-nf-call-iptables';

/** Packets within a bridge pass no IP rules unless bridge netfilter shows them. */
export const bridgeNetfilter: Check = ({ host, networks }) => {
  const value = host.sysctls.get(SETTING);
  if (value === '1' || host.unknown.has('sysctls')) return [];
  return networks
    .filter(({ icc }) => !icc)
    .map(({ name, bridge }) => ({
      severity: 'error' as const,
      what: `Containers of ${name} should not talk to each other (enable_icc is off), but bridge netfilter is off: what stays on ${bridge} meets no rule.`,
      proof: [settingProof(SETTING, value)],
      first: value === undefined ? 'modprobe br_netfilter' : 'sysctl -w net.bridge.bridge-nf-call-iptables=1',
      concerns: { networks: [name] },
    }));
};
