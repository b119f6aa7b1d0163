/** iptables' tables for the model, from rules that stand in the order of their chains. */
import type { ListedTable } from '../firewall/parse.ts';
import type { Family, Table } from '../firewall/rule.ts';
import type { IptablesChain, IptablesTable, PlacedRule } from './linux.ts';

/** The chains that a table is born with. */
const BUILT_IN: Readonly<Record<Table, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};

/** Fills one table. */
export class TableBuilder {
  readonly #chains = new Map<string, { policy: 'ACCEPT' | 'DROP' | undefined; rules: PlacedRule[] }>();
  readonly #family: Family;
  readonly #table: Table;
  readonly #variant: 'legacy' | 'nft';

  constructor(family: Family, table: Table, variant: 'legacy' | 'nft') {
    this.#family = family;
    this.#table = table;
    this.#variant = variant;
  }

  chain(name: string, policy: 'ACCEPT' | 'DROP' | undefined): void {
    this.#chain(name).policy = policy;
  }

  rule(rule: PlacedRule): void {
    this.#chain(rule.rule.chain).rules.push(rule);
  }

  #chain(name: string) {
    let chain = this.#chains.get(name);
    if (!chain) {
      const policy = BUILT_IN[this.#table].includes(name) ? 'ACCEPT' : undefined;
      this.#chains.set(name, (chain = { policy, rules: [] }));
    }
    return chain;
  }

  build(): IptablesTable {
    const chains = [...this.#chains].map(([name, { policy, rules }]): [string, IptablesChain] => [
      name,
      { name, ...(policy && { policy }), rules },
    ]);
    return { family: this.#family, table: this.#table, variant: this.#variant, chains: new Map(chains) };
  }
}

/** From what `iptables-save` printed. */
export function tablesFromListing(listed: readonly ListedTable[], variant: 'legacy' | 'nft'): IptablesTable[] {
  return listed.map(({ family, table, chains, rules }) => {
    const builder = new TableBuilder(family, table, variant);
    for (const { name, policy } of chains) builder.chain(name, policy);
    for (const { rule } of rules) builder.rule({ rule });
    return builder.build();
  });
}
