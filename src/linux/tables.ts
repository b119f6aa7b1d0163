/**
 * Our tables of nftables: a change is one transaction, in process, whatever the number of objects. Only new
 * tables and sets, which are the engine's own and empty, are declared in one before it. Elements alone, as most
 * changes are, are told to the kernel without nftables' library.
 */
import { KernelError, type Scope } from '../core/engine/kernel.ts';
import type { Json } from '../core/firewall/nft/ruleset.ts';
import { nftObjects } from '../core/firewall/nftables/listing.ts';
import { TABLE } from '../core/firewall/nftables/sheet.ts';
import {
  elementsJson,
  isOfElements,
  nftCommands,
  nftDeclarations,
  type NftElements,
  type NftStep,
  type NftTransactionCommand,
} from '../core/firewall/nftables/transaction.ts';
import type { Family } from '../core/firewall/rule.ts';
import { key } from '../core/plan/key.ts';
import type { NftObject } from '../core/plan/object.ts';
import { undo } from '../core/plan/step.ts';
import type { Elements } from './elements.ts';
import { NftError, type Nftables } from './nftables.ts';
import type { Undo } from './objects.ts';

const FAMILIES: readonly Family[] = ['ip', 'ip6'];
const KINDS: readonly NftObject['kind'][] = ['nft-table', 'nft-set', 'nft-chain', 'nft-element'];

/** The tables that bear our name, with all that is in them. Without nftables' library there are none. */
export function observeTables(nft: Nftables, scope: Scope): readonly NftObject[] {
  const wanted = KINDS.filter((kind) => scope.kinds?.includes(kind) ?? true);
  return wanted.length === 0 ? [] : list(nft).filter(({ kind }) => wanted.includes(kind));
}

function list(nft: Nftables): readonly NftObject[] {
  return FAMILIES.flatMap((family) => {
    try {
      return nftObjects(nft.run([{ list: { table: { family, name: TABLE } } }]) as readonly Json[]);
    } catch (error) {
      if (error instanceof NftError && error.code === 'ENOENT') return [];
      throw error;
    }
  });
}

/** What tables are changed with. */
export interface TableTools {
  readonly nft: Nftables;
  readonly elements: Elements;
}

/** Does the steps, all or none. Throws a KernelError, and then nothing has changed. */
export function applyTables(tools: TableTools, steps: readonly NftStep[]): Undo {
  const done = apply(tools, steps);
  return () => void apply(tools, undo(done));
}

/** Gives the steps that there was something to do for. */
function apply(tools: TableTools, steps: readonly NftStep[]): readonly NftStep[] {
  if (transact(tools, steps, true) === undefined) return steps;
  // What is to go may have gone already, which is no error: look, and go on without it.
  const rest = withoutGone(steps, list(tools.nft));
  const refusal = transact(tools, rest, false);
  if (refusal) throw refusal;
  return rest;
}

function transact(tools: TableTools, steps: readonly NftStep[], together: boolean): KernelError | undefined {
  const { nft } = tools;
  const declarations = nftDeclarations(steps);
  const commands = nftCommands(steps, together);
  let declared = false;
  try {
    if (declarations.length > 0) nft.runLines(declarations.map(({ line }) => line));
    declared = true;
    if (commands.length > 0) run(tools, commands);
    return undefined;
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    if (declared && declarations.length > 0) nft.run(declarations.toReversed().map(({ undo }) => undo));
    const { index, message, code } = error;
    const step = index === undefined ? undefined : declared ? commands[index]?.steps[0] : declarations[index]?.step;
    return new KernelError(`${step ? `${step.op} ${key(step.object)}: ` : ''}${message}`, step, code);
  }
}

function run({ nft, elements }: TableTools, commands: readonly NftTransactionCommand[]): void {
  const its = commands.map(({ command }) => command);
  if (its.every((command): command is NftElements => isOfElements(command)) && elements.run(its)) return;
  nft.run(its.map((command) => (isOfElements(command) ? elementsJson(command) : command)));
}

/** The steps less the removals of what is not there, and with changes of it as additions. */
function withoutGone(steps: readonly NftStep[], there: readonly NftObject[]): readonly NftStep[] {
  const keys = new Set(there.map((object) => key(object)));
  return steps.flatMap((step): NftStep[] => {
    if (step.op === 'add' || keys.has(key(step.object))) return [step];
    return step.op === 'change' ? [{ op: 'add', object: step.object }] : [];
  });
}
