import { isLoopback, isUnspecified, parseAddress } from '../../../address/address.ts';
import type { PortBinding } from '../../../network/endpoint.ts';
import { TraceError } from '../../trace/question.ts';
import type { Trace } from '../../trace/trace.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { ruleProof } from '../proof.ts';

/** Rules that no other check knows to be in the way: a new connection from outside is walked to each published port. */
export const publishedPorts: Check = (facts) => {
  const { containers } = facts;
  return containers.flatMap(({ name, bindings }) =>
    bindings.flatMap((binding) => {
      const to = destination(binding);
      const traced = to === undefined ? undefined : walked(facts, to);
      // What else may be in the way has checks of its own.
      if (traced?.verdict !== 'block' || !traced.way.end.rule) return [];
      const { hostPort, protocol } = binding;
      return [
        {
          severity: 'error' as const,
          what: `A new connection from outside to port ${hostPort}/${protocol}, which is published for ${name}, does not get through: ${traced.reason}.`,
          proof: [proofOf(facts, traced)],
          first: firstOf(facts, traced, to!),
          concerns: { containers: [name], ports: [hostPort] },
        },
      ];
    }),
  );
};

/** Undefined where nobody from outside is meant to call. */
function destination({ hostAddress, hostPort, protocol }: PortBinding): string | undefined {
  const address = parseAddress(hostAddress);
  if (!address || address.version === 6 || isLoopback(address)) return undefined;
  return `${isUnspecified(address) ? 'host' : hostAddress}:${hostPort}/${protocol}`;
}

function walked({ trace }: Facts, to: string): Trace | undefined {
  try {
    return trace({ from: 'world', to });
  } catch (error) {
    // Without a default route the world has no way in, which is another check's affair.
    if (error instanceof TraceError) return undefined;
    throw error;
  }
}

function ruleOf({ rules }: Facts, { way }: Trace) {
  const place = way.end.rule;
  return rules.find(
    ({ rule, number, variant }) =>
      rule.family === 'ip' &&
      rule.table === place?.table &&
      rule.chain === place.chain &&
      number === (place.index ?? -1) + 1 &&
      variant === (place.variant ?? 'nft'),
  );
}

function proofOf(facts: Facts, traced: Trace): string {
  const seen = ruleOf(facts, traced);
  return seen ? ruleProof(seen) : (traced.way.end.rule?.text ?? traced.reason);
}

/** A rule of somebody else's may be taken away; what else it is, the walk shows. */
function firstOf(facts: Facts, traced: Trace, to: string): string {
  const seen = ruleOf(facts, traced);
  if (!seen || seen.owner === 'Passerelle') return `passerelle trace --to ${to}`;
  return `iptables${seen.variant === 'legacy' ? '-legacy' : ''} -t ${seen.rule.table} -D ${seen.rule.chain} ${seen.number}`;
}
