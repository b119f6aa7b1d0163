/** Rules in the words of iptables-save: `-A FORWARD -i br0 ! -o br0 -j ACCEPT`. */
import { joins, printMatch, type MatchText } from './match.ts';
import type { Match, Rule } from './rule.ts';
import { printTarget } from './target.ts';
import { word } from './word.ts';

/** The rule as iptables-save lists it, without its table. Throws RuleTextError for what is no rule. */
export function printRule(rule: Rule): string {
  return `-A ${printSpecification(rule)}`;
}

/** What follows `-A`, `-I` or `-D`: the chain, the matches in canonical order, the target. */
export function printSpecification(rule: Rule): string {
  return [word(rule.chain, 'chain'), ...printMatches(rule.matches), printTarget(rule.target)]
    .filter((part) => part !== '')
    .join(' ');
}

function printMatches(matches: readonly Match[]): string[] {
  const printed = matches.map((match) => printMatch(match)).filter((text) => text !== undefined);
  const head = printed.filter((text) => text.extension === '').sort((a, b) => a.rank - b.rank);
  const parts = head.map((text) => text.text);
  let last: MatchText | undefined;
  for (const next of printed) {
    if (next.extension === '') continue;
    if (last && joins(last, next)) parts.push(next.text);
    else parts.push(`-m ${next.extension}${next.text && ` ${next.text}`}`);
    last = next;
  }
  return parts;
}
