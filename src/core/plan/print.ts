/** Plans for people, in terraform's manner, and for programs. */
import { printStatement } from '../firewall/nft/text.ts';
import { sameObject } from './compare.ts';
import { describe } from './describe.ts';
import type { HostObject, NftChainObject, Owner } from './object.ts';
import type { Step } from './step.ts';

export interface PlanSummary {
  readonly add: number;
  readonly change: number;
  readonly remove: number;
}

export interface PlannedStep {
  readonly op: Step['op'];
  readonly kind: HostObject['kind'];
  /** One line, as `describe` gives it. */
  readonly object: string;
  /** The same of what it was; for changes only. */
  readonly before?: string;
  /** What vanishes with a removed object. */
  readonly contents?: readonly string[];
  /** The rules that a chain of nftables is written with. */
  readonly rules?: readonly { readonly rule: string; readonly why: string }[];
  readonly owner: Owner;
  readonly why: string;
}

export interface PlanJson {
  readonly summary: PlanSummary;
  readonly steps: readonly PlannedStep[];
}

export function planJson(steps: readonly Step[]): PlanJson {
  return { summary: summarize(steps), steps: steps.map(planned) };
}

function planned(step: Step): PlannedStep {
  const { op, object } = step;
  const { owner, why } = object;
  const contents = step.op === 'remove' ? step.contents?.map(describe) : undefined;
  return {
    op,
    kind: object.kind,
    object: describe(object),
    ...(step.op === 'change' && { before: describe(step.before) }),
    ...(contents && { contents }),
    ...(op !== 'remove' && object.kind === 'nft-chain' && { rules: rulesOf(object) }),
    owner,
    why,
  };
}

export function summarize(steps: readonly Step[]): PlanSummary {
  const count = (op: Step['op']) => steps.filter((step) => step.op === op).length;
  return { add: count('add'), change: count('change'), remove: count('remove') };
}

function rulesOf({ rules }: NftChainObject): { readonly rule: string; readonly why: string }[] {
  return rules.map(({ statements, reason }) => ({
    rule: statements.map(printStatement).join(' '),
    why: reason?.why ?? '',
  }));
}

const SIGNS = { add: '+', change: '~', remove: '-' } as const;

/**
 * The plan as text: a line for each step, its owner and reason below, and a last line that counts.
 * Every line ends in a line feed.
 */
export function printPlan(steps: readonly Step[]): string {
  if (steps.length === 0) return 'No changes: the host is as it would be.\n';
  const lines = steps.flatMap((step) => {
    const { owner, why } = step.object;
    return [`  ${SIGNS[step.op]} ${heading(step)}`, `      ${printOwner(owner)}: ${why}`, ...footing(step)];
  });
  const { add, change, remove } = summarize(steps);
  return [...lines, '', `Plan: ${add} to add, ${change} to change, ${remove} to remove.`, ''].join('\n');
}

function printOwner({ kind, name }: Owner): string {
  return kind === 'engine' ? kind : `${kind} ${name}`;
}

function heading(step: Step): string {
  const text = describe(step.object);
  if (step.op !== 'change') return text;
  if (step.object.kind === 'rule' || sameObject(step.before, step.object)) return `${text} (put to its place again)`;
  const before = describe(step.before);
  return before === text ? text : `${before} -> ${text}`;
}

function footing(step: Step): string[] {
  if (step.op !== 'remove') {
    if (step.object.kind !== 'nft-chain') return [];
    return rulesOf(step.object).flatMap(({ rule, why }) => [`      ${rule}`, `          ${why}`]);
  }
  if (!step.contents) return [];
  return step.contents.map((object) => `      with it goes ${describe(object)}`);
}
