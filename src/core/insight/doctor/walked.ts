/** What a check learns from a packet that is walked through the host. */
import { isLoopback, isUnspecified, parseAddress } from '../../address/address.ts';
import type { RulePlace } from '../../model/walk/step.ts';
import type { PortBinding } from '../../network/endpoint.ts';
import { TraceError, type TraceQuestion } from '../trace/question.ts';
import type { Trace } from '../trace/trace.ts';
import type { Facts, SeenRule } from './facts.ts';
import { deletion, ruleProof } from './proof.ts';

/** Undefined where the question cannot be put: without a default route the world has no way in, which is another check's affair. */
export function walked({ trace }: Facts, question: TraceQuestion): Trace | undefined {
  try {
    return trace(question);
  } catch (error) {
    if (error instanceof TraceError) return undefined;
    throw error;
  }
}

/** Whom a caller from outside asks for; undefined where nobody from outside is meant to call. */
export function callOf({ hostAddress, hostPort, protocol }: PortBinding): string | undefined {
  const address = parseAddress(hostAddress);
  if (!address || address.version === 6 || isLoopback(address)) return undefined;
  return `${isUnspecified(address) ? 'host' : hostAddress}:${hostPort}/${protocol}`;
}

export function seenAt({ rules }: Facts, place: RulePlace | undefined): SeenRule | undefined {
  return rules.find(
    ({ rule, number, variant }) =>
      rule.family === 'ip' &&
      rule.table === place?.table &&
      rule.chain === place.chain &&
      number === (place.index ?? -1) + 1 &&
      variant === (place.variant ?? 'nft'),
  );
}

/** The rule that a packet ended at, with its counter; else why it ended. */
export function endProof(facts: Facts, { way, reason }: Trace): string {
  const seen = seenAt(facts, way.end.rule);
  return seen ? ruleProof(seen) : (way.end.rule?.text ?? reason);
}

/** A rule of somebody else's may be taken away; what else it is, the walk shows. */
export function endRemedy(facts: Facts, { way, question: { from, to } }: Trace): string {
  const seen = seenAt(facts, way.end.rule);
  if (seen && seen.owner !== 'Passerelle') return deletion([seen]);
  return `passerelle trace ${from === 'world' ? '' : `--from ${from} `}--to ${to}`;
}
