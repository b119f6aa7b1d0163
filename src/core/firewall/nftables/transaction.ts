/**
 * Steps as a transaction of nftables.
 *
 * The commands stand so that each finds what it needs, whatever the order of the steps: new chains,
 * elements that go, the rules of chains, elements that come, and at last chains, sets and tables
 * that go. A chain's rules are written together. New tables and sets are declared before, apart.
 */
import type {
  HostObject,
  NftChainObject,
  NftElementObject,
  NftObject,
  NftSetObject,
  NftTableObject,
  NftValue,
} from '../../plan/object.ts';
import type { Step } from '../../plan/step.ts';
import type { Json, JsonObject } from '../nft/ruleset.ts';
import { RuleTextError } from '../word.ts';

export type NftStep = Step<NftObject>;

/** What is done with elements of one set. */
export interface NftElements {
  readonly verb: 'create' | 'delete';
  readonly elements: readonly NftElementObject[];
}

/** One command: with elements, or in libnftables' JSON (libnftables-json(5)); and the steps that it does. */
export interface NftTransactionCommand {
  readonly command: NftElements | JsonObject;
  readonly steps: readonly NftStep[];
}

export function isOfElements(command: NftElements | JsonObject): command is NftElements {
  return 'verb' in command;
}

export function isNftStep(step: Step): step is NftStep {
  return isNftObject(step.object);
}

export function isNftObject<T extends HostObject>(object: T): object is T & NftObject {
  switch (object.kind) {
    case 'nft-table':
    case 'nft-set':
    case 'nft-chain':
    case 'nft-element':
      return true;
    default:
      return false;
  }
}

/** A line in nftables' own language, the step that it does, and the command that takes it back. */
export interface NftDeclaration {
  readonly line: string;
  readonly step: NftStep;
  readonly undo: JsonObject;
}

/**
 * New tables and sets, in nftables' own language: in JSON the library makes a set of a map whose
 * values have several parts (seen in 1.0.6), and crashes when a rule looks something up in it.
 */
export function nftDeclarations(steps: readonly NftStep[]): NftDeclaration[] {
  const declarations: NftDeclaration[] = [];
  for (const kind of ['nft-table', 'nft-set'] as const) {
    for (const step of steps) {
      const { op, object } = step;
      if (op !== 'add' || object.kind !== kind) continue;
      if (object.kind === 'nft-table') {
        const line = `create table ${object.family} ${plain(object.name)}`;
        declarations.push({ line, step, undo: deletion(object) });
      } else {
        const { family, table, name, type, map } = object;
        const types = [type, ...(map ? [map] : [])].map((parts) => parts.map(plain).join(' . ')).join(' : ');
        const line = `create ${map ? 'map' : 'set'} ${family} ${plain(table)} ${plain(name)} { type ${types} ; }`;
        declarations.push({ line, step, undo: deletion(object) });
      }
    }
  }
  return declarations;
}

function plain(word: string): string {
  if (!/^[A-Za-z][\w-]*$/.test(word)) throw new RuleTextError(`${JSON.stringify(word)} can't stand in a declaration`);
  return word;
}

function deletion(object: NftTableObject | NftSetObject): JsonObject {
  const { family, name } = object;
  if (object.kind === 'nft-table') return { delete: { table: { family, name } } };
  return { delete: { [object.map ? 'map' : 'set']: { family, table: object.table, name } } };
}

/** `together`: elements of one set share a command, which is quick; else each has its own, which tells whose fault it is. */
export function nftCommands(steps: readonly NftStep[], together: boolean): NftTransactionCommand[] {
  const phases: NftTransactionCommand[][] = Array.from(PHASES, () => []);
  const batches = new Map<string, { readonly elements: NftElementObject[]; readonly steps: NftStep[] }>();
  const write = (phase: Phase, step: NftStep, command: JsonObject) =>
    phases[PHASES.indexOf(phase)]!.push({ command, steps: [step] });
  const element = (phase: 'add element' | 'delete element', step: NftStep, object: NftElementObject) => {
    const its = `${phase} ${object.family} ${object.table} ${object.set}`;
    const begun = together ? batches.get(its) : undefined;
    if (begun) {
      begun.elements.push(object);
      begun.steps.push(step);
      return;
    }
    const batch = { elements: [object], steps: [step] };
    batches.set(its, batch);
    const command: NftElements = { verb: phase === 'add element' ? 'create' : 'delete', elements: batch.elements };
    phases[PHASES.indexOf(phase)]!.push({ command, steps: batch.steps });
  };

  for (const step of steps) {
    const { op, object } = step;
    switch (object.kind) {
      case 'nft-table':
      case 'nft-set':
        if (op === 'remove') write(object.kind === 'nft-table' ? 'delete table' : 'delete set', step, deletion(object));
        break;
      case 'nft-chain':
        if (op === 'change' && !sameBase(step.before as NftChainObject, object)) {
          write('add chain', step, { delete: { chain: nameJson(object) } });
          write('add chain', step, { create: { chain: chainJson(object) } });
        } else if (op === 'add') write('add chain', step, { create: { chain: chainJson(object) } });
        else write('flush chain', step, { flush: { chain: nameJson(object) } });
        if (op === 'remove') write('delete chain', step, { delete: { chain: nameJson(object) } });
        else for (const command of ruleCommands(object)) write('add rule', step, command);
        break;
      case 'nft-element':
        if (op === 'change') element('delete element', step, step.before as NftElementObject);
        if (op === 'remove') element('delete element', step, object);
        else element('add element', step, object);
        break;
    }
  }
  return phases.flat();
}

const PHASES = [
  'add chain',
  'delete element',
  'flush chain',
  'add rule',
  'add element',
  'delete chain',
  'delete set',
  'delete table',
] as const;
type Phase = (typeof PHASES)[number];

const nameJson = ({ family, table, name }: NftChainObject): JsonObject => ({ family, table, name });

function chainJson(chain: NftChainObject): JsonObject {
  if (!chain.base) return nameJson(chain);
  const { type, hook, priority, policy } = chain.base;
  return { ...nameJson(chain), type, hook, prio: priority, policy };
}

function sameBase({ base: a }: NftChainObject, { base: b }: NftChainObject): boolean {
  return a?.type === b?.type && a?.hook === b?.hook && a?.priority === b?.priority && a?.policy === b?.policy;
}

function ruleCommands({ family, table, name, rules }: NftChainObject): JsonObject[] {
  return rules.map(({ statements, comment }) => ({
    add: {
      rule: { family, table, chain: name, expr: statements, ...(comment !== undefined && { comment }) },
    },
  }));
}

/** The same in libnftables' JSON. */
export function elementsJson({ verb, elements }: NftElements): JsonObject {
  const { family, table, set: name } = elements[0]!;
  const elem = elements.map((element) => (verb === 'create' ? elementJson(element) : valueJson(element.key)));
  return { [verb]: { element: { family, table, name, elem } } };
}

function elementJson({ key, value, verdict }: NftElementObject): Json {
  if (verdict !== undefined) return [valueJson(key), verdictJson(verdict)];
  return value ? [valueJson(key), valueJson(value)] : valueJson(key);
}

function valueJson(parts: readonly NftValue[]): Json {
  return parts.length === 1 ? parts[0]! : { concat: parts };
}

/** `accept`, `goto published` */
function verdictJson(text: string): Json {
  const [verdict = '', target] = text.split(' ');
  return { [verdict]: target === undefined ? null : { target } };
}
