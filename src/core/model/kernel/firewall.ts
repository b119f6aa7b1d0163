/** The tables of the host's firewall, with what iptables does to them. */
import { printRule } from '../../firewall/print.ts';
import { firewallCommands, type Command, type FirewallStep } from '../../firewall/restore.ts';
import type { Family, Rule, Table } from '../../firewall/rule.ts';
import { chainKey } from '../../plan/key.ts';
import type { ChainObject, RuleObject } from '../../plan/object.ts';
import { Refusal } from './refusal.ts';

/** A rule with its text, by which rules are equal. */
interface Line {
  readonly rule: Rule;
  readonly text: string;
}

interface Chain {
  readonly object: ChainObject;
  readonly lines: readonly Line[];
}

const FAMILIES: readonly Family[] = ['ip', 'ip6'];
const BUILT_IN: Readonly<Record<Table, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};

export class Firewall {
  /** By key; table by table, each with its built-in chains first. */
  readonly #chains: Map<string, Chain>;

  /** A new host's, or one like `base`. */
  constructor(base?: Firewall) {
    this.#chains = new Map(base ? base.#chains : []);
    if (base) return;
    for (const family of FAMILIES) {
      for (const table of Object.keys(BUILT_IN) as Table[]) {
        for (const name of BUILT_IN[table]) this.#put({ kind: 'chain', family, table, name, policy: 'ACCEPT' }, []);
      }
    }
  }

  chains(): readonly ChainObject[] {
    return [...this.#chains.values()].map(({ object }) => object);
  }

  /** Chain by chain, each with its place as the position. */
  rules(): readonly RuleObject[] {
    return [...this.#chains.values()].flatMap(({ lines }) =>
      lines.map(({ rule }, index): RuleObject => ({
        kind: 'rule',
        rule,
        position: { section: 'tail', sequence: 0, index },
      })),
    );
  }

  /** Does the steps as one transaction does; `refused` makes the error of the step that cannot be done. */
  apply(steps: readonly FirewallStep[], refused: (step: FirewallStep, error: unknown) => Error): void {
    for (const family of FAMILIES) {
      for (const command of firewallCommands(steps, family)) {
        try {
          this.#run(family, command);
        } catch (error) {
          throw refused(command.step, error);
        }
      }
    }
  }

  /** Empties all chains of a table, as `iptables -F` does. */
  flush(family: Family, table: Table): void {
    for (const { object } of this.#chains.values()) {
      if (object.family === family && object.table === table) this.#put(object, []);
    }
  }

  #run(family: Family, command: Command): void {
    if ('rule' in command) this.#runOnRule(family, command);
    else this.#runOnChain(family, command);
  }

  #runOnRule(family: Family, { op, table, rule }: Extract<Command, { readonly rule: Rule }>): void {
    const line: Line = { rule, text: printRule(rule) };
    const chain = this.#chains.get(chainKey({ family, table, name: rule.chain }));
    if (op === 'delete') {
      const index = chain?.lines.findIndex(({ text }) => text === line.text) ?? -1;
      // What is to go may have gone already.
      if (chain && index >= 0) this.#put(chain.object, chain.lines.toSpliced(index, 1));
      return;
    }
    if (!chain) throw new Refusal('ENOENT', `no chain ${rule.chain} in ${table}`);
    const target = targetOf(rule);
    if (target && !this.#chains.has(chainKey({ family, table, name: target }))) {
      throw new Refusal('ENOENT', `no chain ${target} in ${table}`);
    }
    this.#put(chain.object, op === 'insert' ? [line, ...chain.lines] : [...chain.lines, line]);
  }

  #runOnChain(family: Family, command: Extract<Command, { readonly chain: string }>): void {
    const { table, chain: name } = command;
    const its = chainKey({ family, table, name });
    const chain = this.#chains.get(its);
    switch (command.op) {
      case 'policy':
        if (!chain?.object.policy) throw new Refusal('EINVAL', `${name} is no built-in chain`);
        this.#put({ ...chain.object, policy: command.policy }, chain.lines);
        break;
      case 'new-chain':
        if (chain) throw new Refusal('EEXIST', `chain ${name}`);
        this.#put({ kind: 'chain', family, table, name }, []);
        break;
      case 'flush-chain':
        if (chain) this.#put(chain.object, []);
        break;
      case 'delete-chain':
        if (chain) this.#refuseReferenced(chain.object);
        this.#chains.delete(its);
    }
  }

  #refuseReferenced({ family, table, name }: ChainObject): void {
    for (const { object, lines } of this.#chains.values()) {
      if (object.family !== family || object.table !== table) continue;
      if (lines.some(({ rule }) => targetOf(rule) === name)) {
        throw new Refusal('EBUSY', `rules in ${object.name} lead to chain ${name}`);
      }
    }
  }

  #put(object: ChainObject, lines: readonly Line[]): void {
    this.#chains.set(chainKey(object), { object, lines });
  }
}

function targetOf({ target }: Rule): string | undefined {
  return target.kind === 'jump' || target.kind === 'goto' ? target.chain : undefined;
}
