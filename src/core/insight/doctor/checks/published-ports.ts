import type { RulePlace } from '../../../model/walk/step.ts';
import type { Trace } from '../../trace/trace.ts';
import type { Check } from '../finding.ts';
import { deletion, ruleProof, whose } from '../proof.ts';
import { callOf, endProof, endRemedy, seenAt, walked } from '../walked.ts';

/** Rules that no other check knows to be in the way: a new connection from outside is walked to each published port. */
export const publishedPorts: Check = (facts) => {
  const { containers } = facts;
  return containers.flatMap(({ name, address, bindings }) =>
    bindings.flatMap((binding) => {
      const to = callOf(binding);
      const traced = to === undefined ? undefined : walked(facts, { from: 'world', to });
      if (!traced) return [];
      const { hostPort, protocol } = binding;
      const concerns = { containers: [name], ports: [hostPort] };
      const astray = translation(traced);
      if (astray && astray.destination !== `${address}:${binding.containerPort}`) {
        const seen = seenAt(facts, astray.rule);
        return [
          {
            severity: 'error' as const,
            what: `Port ${hostPort}/${protocol}, which is published for ${name}, leads to ${astray.destination} instead of ${address}:${binding.containerPort}: a rule of ${seen ? whose(seen.owner) : 'somebody else'} is asked first.`,
            proof: [seen ? ruleProof(seen) : (astray.rule.text ?? '')],
            first: seen ? deletion([seen]) : `passerelle trace --to ${to}`,
            concerns,
          },
        ];
      }
      // What else may be in the way has checks of its own.
      if (traced.verdict !== 'block' || !traced.way.end.rule) return [];
      return [
        {
          severity: 'error' as const,
          what: `A new connection from outside to port ${hostPort}/${protocol}, which is published for ${name}, does not get through: ${traced.reason}.`,
          proof: [endProof(facts, traced)],
          first: endRemedy(facts, traced),
          concerns,
        },
      ];
    }),
  );
};

/** Where the destination is translated to on the host, and by which rule; undefined where it is not. */
function translation({ way }: Trace): { readonly rule: RulePlace; readonly destination: string } | undefined {
  const step = way.steps.find(
    ({ kind, hook, rule, decision }) =>
      kind === 'rule' && rule && hook === 'prerouting' && decision.startsWith('destination NAT'),
  );
  const translated = way.steps.find(
    ({ kind, hook, decision }) => kind === 'nat' && hook === 'prerouting' && decision === 'destination translated',
  );
  if (!step?.rule || !translated) return undefined;
  const { destination, destinationPort } = translated.after;
  return { rule: step.rule, destination: `${destination}:${destinationPort}` };
}
