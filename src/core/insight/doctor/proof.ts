/** How findings show what they saw. */
import type { SeenChain, SeenRule } from './facts.ts';

const toolOf = (family: 'ip' | 'ip6', variant: SeenRule['variant']): string =>
  `${family === 'ip' ? 'iptables' : 'ip6tables'}${variant === 'legacy' ? '-legacy' : ''}`;

/** `iptables -t filter -A FORWARD -j DROP (rule 3; 12 packets)` */
export function ruleProof({ rule, text, number, packets, variant }: SeenRule): string {
  const counted = packets === undefined ? '' : `; ${packets} packet${packets === 1 ? '' : 's'}`;
  return `${toolOf(rule.family, variant)} -t ${rule.table} ${text} (rule ${number}${counted})`;
}

/** The command that takes rules away: those further down first, so that the numbers of the others hold. */
export function deletion(rules: readonly SeenRule[]): string {
  return rules
    .toSorted((a, b) => b.number - a.number)
    .map(({ rule, number, variant }) => `${toolOf(rule.family, variant)} -t ${rule.table} -D ${rule.chain} ${number}`)
    .join(' && ');
}

export function policyProof({ family, table, name, policy, packets, variant }: SeenChain): string {
  return `${toolOf(family, variant)} -t ${table} -P ${name} ${policy} (${packets} packets)`;
}

export const settingProof = (name: string, value: string | undefined): string =>
  `${name.replaceAll('/', '.')} = ${value ?? '(not there)'}`;

export const whose = (owner: string): string => (owner === 'unknown owner' ? 'an unknown owner' : owner);
