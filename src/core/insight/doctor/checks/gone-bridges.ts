import { groupBy } from '../../../plan/group.ts';
import type { Check } from '../finding.ts';
import { deletion, ruleProof } from '../proof.ts';

const BRIDGE = /^(br-[0-9a-f]{12}|docker0|docker_gwbridge)$/;

/** Rules about bridges that are not there: left by an engine that died, or brought back by a restored save. */
export const goneBridges: Check = ({ host, rules }) => {
  if (host.unknown.has('links')) return [];
  const lost = rules.flatMap((seen) =>
    seen.rule.matches.flatMap((match) =>
      (match.kind === 'in' || match.kind === 'out') && BRIDGE.test(match.link) && !host.links.has(match.link)
        ? [{ seen, bridge: match.link }]
        : [],
    ),
  );
  return [...groupBy(lost, ({ bridge }) => bridge)].map(([bridge, group]) => {
    const its = [...new Set(group.map(({ seen }) => seen))];
    return {
      severity: 'warning' as const,
      what: `${its.length === 1 ? 'One rule is' : `${its.length} rules are`} about ${bridge}, and there is no such bridge: its network is gone, or its bridge was deleted by hand.`,
      proof: its.map(ruleProof),
      first: deletion(its),
    };
  });
};
