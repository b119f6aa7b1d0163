import { groupBy } from '../../../plan/group.ts';
import type { SeenRule } from '../facts.ts';
import type { Check } from '../finding.ts';
import { deletion, ruleProof } from '../proof.ts';

const chainOf = ({ rule: { family, table, chain }, variant }: SeenRule): string =>
  `${variant} ${family} ${table} ${chain}`;

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
  const byChain = groupBy(doubled, (group) => chainOf(group[0]!));
  return [
    ...(stale.length > 0
      ? [
          {
            severity: 'warning' as const,
            what: `${stale.length === 1 ? 'One object' : `${stale.length} objects`} in the engine's own chains and namespaces ${stale.length === 1 ? 'belongs' : 'belong'} to nothing.`,
            proof: stale.map(({ text }) => text),
            first: 'passerelle doctor --fix',
          },
        ]
      : []),
    ...[...byChain.values()].map((groups) => {
      const { table, chain } = groups[0]![0]!.rule;
      const several = `${groups.length} rules stand more than once`;
      return {
        severity: 'warning' as const,
        what: `${groups.length === 1 ? `The same rule stands ${groups[0]!.length} times` : several} in ${table} ${chain}: two engines, or a restored save, wrote ${groups.length === 1 ? 'it' : 'them'} twice.`,
        proof: groups.flat().map(ruleProof),
        first: deletion(groups.flatMap((group) => group.slice(1))),
      };
    }),
  ];
};
