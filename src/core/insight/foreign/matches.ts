/** What a rule's matches say of links and addresses. */
import type { Match, Rule } from '../../firewall/rule.ts';

type LinkMatch = Extract<Match, { link: string; kind: 'in' | 'out' }>;
type PrefixMatch = Extract<Match, { prefix: string }>;

export function linkOf({ matches }: Pick<Rule, 'matches'>, side: 'in' | 'out'): LinkMatch | undefined {
  return matches.find((match): match is LinkMatch => match.kind === side);
}

export function prefixOf({ matches }: Pick<Rule, 'matches'>, side: 'source' | 'destination'): PrefixMatch | undefined {
  return matches.find((match): match is PrefixMatch => match.kind === side);
}
