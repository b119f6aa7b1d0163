/** What people paste, as the objects of a host: iptables-save of one family or of both. */
import { parseListing, type Listing, type ParseProblem } from '../../firewall/parse.ts';
import type { Family } from '../../firewall/rule.ts';
import type { ChainObject, RuleObject } from '../../plan/object.ts';

export interface Pasted {
  readonly objects: readonly (ChainObject | RuleObject)[];
  readonly problems: readonly ParseProblem[];
}

/** `family`: undefined to tell by the addresses that the text speaks of. */
export function readPasted(text: string, family: Family = guessFamily(text)): Pasted {
  const listing = parseListing(text, family);
  return { objects: listedObjects(listing), problems: listing.problems };
}

export function listedObjects({ tables }: Listing): readonly (ChainObject | RuleObject)[] {
  return tables.flatMap(({ family, table, chains, rules }) => {
    const counts = new Map<string, number>();
    return [
      ...chains.map(({ name, policy }): ChainObject => ({
        kind: 'chain',
        family,
        table,
        name,
        ...(policy && { policy }),
      })),
      ...rules.map(({ rule }): RuleObject => {
        const index = counts.get(rule.chain) ?? 0;
        counts.set(rule.chain, index + 1);
        return { kind: 'rule', rule, position: { section: 'tail', sequence: 0, index } };
      }),
    ];
  });
}

function guessFamily(text: string): Family {
  return /ip6tables-save|ipv6-icmp|icmp6|-[sd] [\da-f]*:[\da-f:]*\//.test(text) ? 'ip6' : 'ip';
}
