/** iptables' rules made ready to run: each is read once, when a packet first comes to it. */
import { printAddress } from '../../address/address.ts';
import { printRule } from '../../firewall/print.ts';
import type { Rule } from '../../firewall/rule.ts';
import type { IptablesChain, IptablesTable, PlacedRule } from '../linux.ts';
import { makeTest, mayMatch, type Ends, type Test } from './iptables-match.ts';
import { makeAct, type Act } from './iptables-target.ts';
import { MISS, type Moment, type ReadyChain, type ReadyRule, type Result } from './machine.ts';
import type { Packet } from './packet.ts';
import type { RulePlace } from './step.ts';

/** Nothing is made before it is needed: of most rules that is their first match alone. */
class ReadyIptablesRule implements ReadyRule {
  readonly #placed: PlacedRule;
  readonly #variant: 'legacy' | 'nft';
  readonly #index: number;
  /** Most rules fail at their first match, and need no more. */
  #first: Test | undefined;
  #tests: Test[] | undefined;
  #act: Act | undefined;
  #place: RulePlace | undefined;

  constructor(placed: PlacedRule, variant: 'legacy' | 'nft', index: number) {
    this.#placed = placed;
    this.#variant = variant;
    this.#index = index;
  }

  get reason(): ReadyRule['reason'] {
    return this.#placed.reason;
  }

  get place(): RulePlace {
    const { rule } = this.#placed;
    const { family, table, chain } = rule;
    const variant = this.#variant;
    return (this.#place ??= {
      machinery: 'iptables',
      variant,
      family,
      table,
      chain,
      index: this.#index,
      text: printRule(rule),
    });
  }

  run(at: Moment): Result {
    const { rule } = this.#placed;
    if (rule.matches.length > 0) {
      this.#first ??= makeTest(rule.matches[0]!, rule);
      if (!this.#first(at)) return MISS;
      this.#tests ??= rule.matches.slice(1).map((match) => makeTest(match, rule));
      for (const test of this.#tests) if (!test(at)) return MISS;
    }
    return (this.#act ??= makeAct(rule.target, rule))(at);
  }
}

class ReadyIptablesChain implements ReadyChain {
  readonly name: string;
  readonly length: number;
  readonly #chain: IptablesChain;
  readonly #variant: 'legacy' | 'nft';
  readonly #rules: (ReadyRule | undefined)[] = [];
  /** Of the packet that came last. */
  #ends: Ends | undefined;

  constructor(chain: IptablesChain, variant: 'legacy' | 'nft') {
    this.name = chain.name;
    this.length = chain.rules.length;
    this.#chain = chain;
    this.#variant = variant;
  }

  next(index: number, at: Moment): number {
    const { rules } = this.#chain;
    const ends = this.#endsOf(at.skb.packet);
    let next = index;
    while (next < rules.length && !mayMatch(rules[next]!.rule.matches, at, ends)) next += 1;
    return next;
  }

  #endsOf(packet: Packet): Ends {
    if (this.#ends?.packet === packet) return this.#ends;
    const { source, destination } = packet;
    return (this.#ends = { packet, source: printAddress(source), destination: printAddress(destination) });
  }

  rule(index: number): ReadyRule {
    return (this.#rules[index] ??= new ReadyIptablesRule(this.#chain.rules[index]!, this.#variant, index));
  }
}

/** A table's chains, each made ready when it is first come to. */
export function readyTable(table: IptablesTable): (name: string) => ReadyChain | undefined {
  const ready = new Map<string, ReadyChain>();
  return (name) => {
    const known = ready.get(name);
    const chain = table.chains.get(name);
    if (known || !chain) return known;
    const made = new ReadyIptablesChain(chain, table.variant);
    ready.set(name, made);
    return made;
  };
}

/** Whether a rule needs connection tracking: the kernel starts it in a namespace with the first such rule. */
export function needsTracking({ matches, target }: Rule): boolean {
  const targets = ['dnat', 'snat', 'masquerade', 'redirect', 'netmap', 'connmark'];
  return (
    targets.includes(target.kind) ||
    (target.kind === 'other' && ['CT', 'NOTRACK', 'SYNPROXY', 'CONNSECMARK'].includes(target.name)) ||
    matches.some(
      (match) =>
        match.kind === 'conntrack' ||
        match.kind === 'connmark' ||
        (match.kind === 'other' &&
          ['conntrack', 'state', 'connlimit', 'connbytes', 'helper', 'connlabel', 'cluster'].includes(match.extension)),
    )
  );
}
