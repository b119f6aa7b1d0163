/** How findings show what they saw. */
import type { SeenChain, SeenRule } from './facts.ts';

/** `iptables -t filter -A FORWARD -j DROP (rule 3; 12 packets)` */
export function ruleProof({ rule, text, number, packets }: SeenRule): string {
  const tool = rule.family === 'ip' ? 'iptables' : 'ip6tables';
  const counted = packets === undefined ? '' : `; ${packets} packet${packets === 1 ? '' : 's'}`;
  return `${tool} -t ${rule.table} ${text} (rule ${number}${counted})`;
}

export function policyProof({ family, table, name, policy, packets, variant }: SeenChain): string {
  const tool = `${family === 'ip' ? 'iptables' : 'ip6tables'}${variant === 'legacy' ? '-legacy' : ''}`;
  return `${tool} -t ${table} -P ${name} ${policy} (${packets} packets)`;
}

export const settingProof = (name: string, value: string | undefined): string =>
  `${name.replaceAll('/', '.')} = ${value ?? '(not there)'}`;
