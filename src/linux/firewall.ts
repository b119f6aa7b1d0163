/** The firewall of the host: iptables-save and iptables-restore, in the namespace of the thread. */
import { spawnSync } from 'node:child_process';
import { KernelError, type Scope } from '../core/engine/kernel.ts';
import { parseListing } from '../core/firewall/parse.ts';
import type { Family } from '../core/firewall/rule.ts';
import type { ChainObject, RuleObject } from '../core/plan/object.ts';
import type { Step } from '../core/plan/step.ts';

type FirewallObject = ChainObject | RuleObject;

const FAMILIES: readonly Family[] = ['ip', 'ip6'];
const SAVE: Readonly<Record<Family, string>> = { ip: 'iptables-save', ip6: 'ip6tables-save' };

export class Firewall {
  observe(scope: Scope): readonly FirewallObject[] {
    const wanted = (kind: FirewallObject['kind']) => scope.kinds?.includes(kind) ?? true;
    if (!wanted('chain') && !wanted('rule')) return [];
    return FAMILIES.flatMap((family) => listFamily(family)).filter(({ kind }) => wanted(kind));
  }
  apply(_steps: readonly Step<FirewallObject>[]): () => void {
    return () => {};
  }
}

/** A family whose tools are not installed has no rules; what the parser cannot read is left out. */
function listFamily(family: Family): readonly FirewallObject[] {
  const { stdout, stderr, status, error } = spawnSync(SAVE[family], { encoding: 'utf8', maxBuffer: 1 << 30 });
  if (error && (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
  if (error || status !== 0) throw new KernelError(`${SAVE[family]}: ${error?.message ?? stderr.trim()}`);
  return parseListing(stdout, family).tables.flatMap(({ table, chains, rules }) => {
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
