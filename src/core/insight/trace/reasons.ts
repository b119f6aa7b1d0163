/** Gives the rules of a model their owners and reasons, from what the engine asks for. */
import { printRule } from '../../firewall/print.ts';
import type { Rule } from '../../firewall/rule.ts';
import type { NftRule } from '../../firewall/nft/ruleset.ts';
import type { IptablesChain, IptablesTable, Linux, LinuxNamespace } from '../../model/linux.ts';
import type { Desired, Reason } from '../../plan/object.ts';

const HOST = 'host';

/** The same Linux; rules of the host that `desired` calls for bear its reasons. */
export function withReasons(linux: Linux, desired: readonly Desired[]): Linux {
  const host = linux.namespaces.get(HOST);
  if (!host) return linux;
  const rules = new Map<string, Reason>();
  const comments = new Map<string, Reason>();
  for (const object of desired) {
    if (object.kind === 'rule') rules.set(keyOf(object.rule), { owner: object.owner, why: object.why });
    if (object.kind !== 'nft-chain') continue;
    for (const { comment, reason } of object.rules) {
      if (comment !== undefined && reason)
        comments.set(`${object.family} ${object.table} ${object.name} ${comment}`, reason);
    }
  }
  const explained: LinuxNamespace = {
    ...host,
    iptables: host.iptables.map((table) => explainTable(table, rules)),
    nftables: {
      tables: host.nftables.tables.map((table) => ({
        ...table,
        chains: new Map(
          [...table.chains].map(([name, chain]) => {
            const explain = (rule: NftRule): NftRule => {
              const reason = rule.reason ?? comments.get(`${table.family} ${table.name} ${name} ${rule.comment ?? ''}`);
              return reason ? { ...rule, reason } : rule;
            };
            return [name, { ...chain, rules: chain.rules.map(explain) }];
          }),
        ),
      })),
    },
  };
  return { namespaces: new Map([...linux.namespaces, [HOST, explained]]) };
}

const keyOf = (rule: Rule) => `${rule.family} ${rule.table} ${printRule(rule)}`;

function explainTable(table: IptablesTable, rules: ReadonlyMap<string, Reason>): IptablesTable {
  const explain = (chain: IptablesChain): IptablesChain => ({
    ...chain,
    rules: chain.rules.map((placed) => {
      const reason = placed.reason ?? rules.get(keyOf(placed.rule));
      return reason ? { ...placed, reason } : placed;
    }),
  });
  return { ...table, chains: new Map([...table.chains].map(([name, chain]) => [name, explain(chain)])) };
}
