import { groupBy } from '../../../plan/group.ts';
import type { Check } from '../finding.ts';
import { ruleProof } from '../proof.ts';

/** Rules that nothing calls for any more, and rules that are there twice. */
export const staleRules: Check = ({ entries, rules }) => {
  const stale = entries.filter(({ state }) => state === 'stale');
  const doubled = [
    ...groupBy(rules, ({ rule, variant, text }) => `${variant} ${rule.family} ${rule.table} ${text}`).values(),
  ]
    // An accepting rule of one's own twice is the habit of many scripts; the engine's are there once.
    .filter(
      (group) => group.length > 1 && group.every(({ owner }) => owner === 'Passerelle' || owner.startsWith('Docker')),
    );
  return [
    ...(stale.length > 0
      ? [
          {
            severity: 'warning' as const,
            what: `${stale.length === 1 ? 'One object' : `${stale.length} objects`} in the engine's own chains and namespaces belong to nothing.`,
            proof: stale.map(({ text }) => text),
            first: 'passerelle doctor --fix',
          },
        ]
      : []),
    ...doubled.map((group) => ({
      severity: 'warning' as const,
      what: `The same rule stands ${group.length} times in ${group[0]!.rule.chain}: two engines, or a restored save, wrote it twice.`,
      proof: group.map(ruleProof),
      first: `iptables -t ${group[0]!.rule.table} -D ${group[0]!.rule.chain} ${group.at(-1)!.number}`,
    })),
  ];
};
