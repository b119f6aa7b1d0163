/**
 * Steps as input of `iptables-restore --noflush`: one script a family, one block a table.
 *
 * Within a block the commands stand so that each finds what it needs: policies and new chains,
 * deletions of rules, insertions, appendings, deletions of chains. `-N` and not `:CHAIN -`, which
 * would flush a chain that is there, and with it what users wrote into it.
 */
import type { ChainObject, Desired, RuleObject } from '../plan/object.ts';
import { comparePositions } from '../plan/position.ts';
import type { Step } from '../plan/step.ts';
import { printSpecification } from './print.ts';
import type { Family, Rule, Table } from './rule.ts';
import { word } from './word.ts';

export type FirewallStep = Step<ChainObject | RuleObject>;

/** What a firewall does for a step, in the order of a transaction. `insert` puts at the head of the chain. */
export type Command = { readonly table: Table; readonly step: FirewallStep } & (
  | { readonly op: 'policy'; readonly chain: string; readonly policy: 'ACCEPT' | 'DROP' }
  | { readonly op: 'new-chain' | 'flush-chain' | 'delete-chain'; readonly chain: string }
  | { readonly op: 'delete' | 'insert' | 'append'; readonly rule: Rule }
);

export interface RestoreScript {
  readonly family: Family;
  readonly commands: readonly Command[];
  /** Ends in a line feed. */
  readonly text: string;
  /** The step that a line of the text is there for; lines count from 1, as in iptables-restore's errors. */
  stepAt(line: number): FirewallStep | undefined;
  /**
   * The steps of the tables that were committed before that line. Each table is a transaction of its
   * own for the kernel: if a later one fails, these are to be taken back. Of line 0, which is none, no table.
   */
  committedBefore(line: number): readonly FirewallStep[];
}

const FAMILIES: readonly Family[] = ['ip', 'ip6'];
const TABLES: readonly Table[] = ['raw', 'mangle', 'nat', 'filter', 'security'];

/**
 * The scripts that do `steps`; none for a family that has no step. The former rules of
 * changes that are `doubled` stay: somebody else deletes them afterwards.
 */
export function restoreScripts(
  steps: readonly FirewallStep[],
  doubled: (step: FirewallStep) => boolean = () => false,
): RestoreScript[] {
  return FAMILIES.flatMap((family) => {
    const commands = firewallCommands(steps, family).filter(({ op, step }) => !(op === 'delete' && doubled(step)));
    return commands.length > 0 ? [script(family, commands)] : [];
  });
}

/**
 * The commands that do one family's steps, table by table. Rules are put where their positions say,
 * whatever the order of the steps; a changed rule is deleted and put again.
 */
export function firewallCommands(steps: readonly FirewallStep[], family: Family): Command[] {
  return TABLES.flatMap((table) =>
    tableCommands(
      steps.filter((step) => belongs(step, family, table)),
      table,
    ),
  );
}

function belongs({ object }: FirewallStep, family: Family, table: Table): boolean {
  const { family: itsFamily, table: itsTable } = object.kind === 'rule' ? object.rule : object;
  return itsFamily === family && itsTable === table;
}

function tableCommands(steps: readonly FirewallStep[], table: Table): Command[] {
  const chains: Command[] = [];
  const deletions: Command[] = [];
  const flushes: Command[] = [];
  const removals: Command[] = [];
  const placed: { readonly object: Desired<RuleObject>; readonly step: FirewallStep }[] = [];
  for (const step of steps) {
    const { object, op } = step;
    if (object.kind === 'rule') {
      if (op !== 'add') deletions.push({ table, step, op: 'delete', rule: object.rule });
      if (op !== 'remove') placed.push({ object, step });
    } else if (object.policy) {
      // A built-in chain can't be removed: without a policy of ours it has the kernel's own again.
      chains.push({
        table,
        step,
        op: 'policy',
        chain: object.name,
        policy: op === 'remove' ? 'ACCEPT' : object.policy,
      });
    } else if (op === 'add') {
      chains.push({ table, step, op: 'new-chain', chain: object.name });
    } else if (op === 'remove') {
      flushes.push({ table, step, op: 'flush-chain', chain: object.name });
      removals.push({ table, step, op: 'delete-chain', chain: object.name });
    }
  }
  placed.sort((a, b) => comparePositions(a.object.position, b.object.position));
  const place = (op: 'insert' | 'append') =>
    placed
      .filter(({ object }) => (object.position.section === 'tail') === (op === 'append'))
      .map(({ object, step }): Command => ({ table, step, op, rule: object.rule }));
  return [...chains, ...deletions, ...place('insert').toReversed(), ...place('append'), ...flushes, ...removals];
}

function script(family: Family, commands: readonly Command[]): RestoreScript {
  const lines: string[] = [];
  const steps: (FirewallStep | undefined)[] = [];
  const write = (text: string, step?: FirewallStep) => {
    lines.push(text);
    steps.push(step);
  };
  let table: Table | undefined;
  for (const command of commands) {
    if (command.table !== table) {
      if (table) write('COMMIT');
      ({ table } = command);
      write(`*${table}`);
    }
    write(printCommand(command), command.step);
  }
  write('COMMIT');
  return {
    family,
    commands,
    text: lines.map((line) => `${line}\n`).join(''),
    stepAt: (line) => steps[line - 1],
    committedBefore: (line) => {
      const end = line < 2 ? -1 : lines.lastIndexOf('COMMIT', line - 2);
      return [...new Set(steps.slice(0, Math.max(end, 0)).filter((step) => step !== undefined))];
    },
  };
}

function printCommand(command: Command): string {
  switch (command.op) {
    case 'policy':
      return `-P ${word(command.chain, 'chain')} ${command.policy}`;
    case 'new-chain':
      return `-N ${word(command.chain, 'chain')}`;
    case 'flush-chain':
      return `-F ${word(command.chain, 'chain')}`;
    case 'delete-chain':
      return `-X ${word(command.chain, 'chain')}`;
    case 'delete':
      return `-D ${printSpecification(command.rule)}`;
    case 'insert':
      return `-I ${printSpecification(command.rule)}`;
    case 'append':
      return `-A ${printSpecification(command.rule)}`;
  }
}
