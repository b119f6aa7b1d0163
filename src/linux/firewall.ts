/** The firewall of the host, by iptables-restore and iptables-save in the thread's namespace. */
import { spawnSync } from 'node:child_process';
import { KernelError, type Scope } from '../core/engine/kernel.ts';
import { parseListing } from '../core/firewall/parse.ts';
import { type FirewallStep, restoreScripts } from '../core/firewall/restore.ts';
import type { Family } from '../core/firewall/rule.ts';
import { key } from '../core/plan/key.ts';
import type { ChainObject, RuleObject } from '../core/plan/object.ts';
import { undo } from '../core/plan/step.ts';
import { sameObject } from '../core/plan/compare.ts';
import type { Iptables } from './iptables.ts';
import type { RuleHandles } from './handles.ts';
import type { RuleHandle } from './netlink/ruleset.ts';
import type { Undo } from './objects.ts';

type FirewallObject = ChainObject | RuleObject;

const FAMILIES: readonly Family[] = ['ip', 'ip6'];
const SAVE: Readonly<Record<Family, string>> = { ip: 'iptables-save', ip6: 'ip6tables-save' };
const LISTING_LIMIT = 256 * 1024 * 1024;

/**
 * The chains and rules of the host, foreign ones too, each rule with its place in its chain as the
 * position. What the parser cannot read is left out; a family without its tools has none.
 */
export function observeFirewall(handles: RuleHandles, scope: Scope): readonly FirewallObject[] {
  const wanted = (kind: FirewallObject['kind']) => scope.kinds?.includes(kind) ?? true;
  if (!wanted('chain') && !wanted('rule')) return [];
  return FAMILIES.flatMap((family) => handles.listed(family, () => list(family))).filter(({ kind }) => wanted(kind));
}

function list(family: Family): readonly FirewallObject[] {
  const { stdout, stderr, status, error } = spawnSync(SAVE[family], { encoding: 'utf8', maxBuffer: LISTING_LIMIT });
  if (isMissing(error)) return [];
  if (error) throw error;
  if (status !== 0) throw new KernelError(`${SAVE[family]}: ${stderr.trim()}`, undefined, String(status));
  return parseListing(stdout, family).tables.flatMap(({ table, chains, rules }) => {
    const counts = new Map<string, number>();
    return [
      ...chains.map(({ name, policy }) => ({ kind: 'chain', family, table, name, ...(policy && { policy }) }) as const),
      ...rules.map(({ rule }) => {
        const index = counts.get(rule.chain) ?? 0;
        counts.set(rule.chain, index + 1);
        return { kind: 'rule', rule, position: { section: 'tail', sequence: 0, index } } as const;
      }),
    ];
  });
}

const isMissing = (error: NodeJS.ErrnoException | undefined): boolean => error?.code === 'ENOENT';

/** What rules are written with. */
export interface Tools {
  readonly iptables: Iptables;
  readonly handles: RuleHandles;
}

/**
 * Does the steps: one script for each family, and in it one kernel transaction for each table.
 * All or none: throws a KernelError after taking back the family and the tables that were done.
 */
export function applyFirewall(tools: Tools, steps: readonly FirewallStep[]): Undo {
  const done: FirewallStep[] = [];
  const takeBack = () => {
    const back = undo(done);
    for (const family of FAMILIES) applyFamily(tools, family, back, []);
  };
  try {
    for (const family of FAMILIES) applyFamily(tools, family, steps, done);
  } catch (error) {
    try {
      takeBack();
    } catch (second) {
      const { message, step, code } = error as KernelError;
      throw new KernelError(`${message}; taking back failed: ${(second as Error).message}`, step, code);
    }
    throw error;
  }
  return takeBack;
}

/** Does one family's part of the steps and adds to `done` what the kernel has taken, also if it throws. */
function applyFamily(
  { iptables, handles }: Tools,
  family: Family,
  steps: readonly FirewallStep[],
  done: FirewallStep[],
): void {
  let rest: readonly FirewallStep[] = steps.filter(
    ({ object }) => (object.kind === 'rule' ? object.rule : object).family === family,
  );
  if (rest.length === 0) return;
  handles.begin();
  if (removeRules(handles, rest)) {
    done.push(...rest);
    return;
  }
  const former = formerHandles(handles, rest);
  for (let looked = false; ; looked = true) {
    const script = restoreScripts(rest, (step) => former.has(step))[0];
    if (!script) return;
    const failure = iptables.restore(family, script.text);
    const areKnown = handles.remember(script.commands, (process) => iptables.isOwn(process));
    const committed = failure ? script.committedBefore(failure.line) : rest;
    done.push(...committed);
    const moved = committed.flatMap((step) => former.get(step) ?? []);
    if (moved.length > 0 && !(areKnown && handles.delete(moved)))
      throw new KernelError('others change too many rules at the same time: try again', committed[0], 'EAGAIN');
    if (!failure) return;
    rest = rest.filter((step) => !committed.includes(step));
    const refused = script.stepAt(failure.line);
    // What is to go may have gone already, which is no error: look once and go on without it.
    const isRemoval = refused !== undefined && refused.op !== 'add';
    const there = isRemoval && !looked ? withoutGone(rest, list(family)) : undefined;
    if (!there) {
      const step = refused ?? jumpToNowhere(rest, list(family));
      throw new KernelError(`${step ? `${step.op} ${key(step.object)}: ` : ''}${failure.message}`, step, failure.code);
    }
    rest = there;
  }
}

/** Removes rules without iptables, if that is all that is to be done, and all their handles are known; says whether it did. */
function removeRules(handles: RuleHandles, steps: readonly FirewallStep[]): boolean {
  const rules: RuleHandle[] = [];
  for (const { op, object } of steps) {
    const rule = op === 'remove' && object.kind === 'rule' ? handles.handleOf(object) : undefined;
    if (!rule) return false;
    rules.push(rule);
  }
  return handles.delete(rules);
}

/**
 * Of the jumps at the head of a chain that are put before what comes there now, as Docker's layout wants it of the
 * ones to DOCKER-USER and to the isolation: those that are written a second time, and the former ones then deleted.
 * In between both are there, which no packet can tell.
 */
function formerHandles(handles: RuleHandles, steps: readonly FirewallStep[]): ReadonlyMap<FirewallStep, RuleHandle> {
  const former = new Map<FirewallStep, RuleHandle>();
  for (const step of steps) {
    if (step.op !== 'change' || step.object.kind !== 'rule' || !sameObject(step.before, step.object)) continue;
    const { rule, position } = step.object;
    if (rule.target.kind !== 'jump' || rule.matches.length > 0 || position.section === 'tail') continue;
    const handle = handles.handleOf(step.object);
    if (handle) former.set(step, handle);
  }
  return former;
}

/** The step to blame where the tool names the line of its table's end: iptables on nftables looks for chains then. */
function jumpToNowhere(steps: readonly FirewallStep[], there: readonly FirewallObject[]): FirewallStep | undefined {
  const chains = new Set([...there, ...steps.map(({ object }) => object)].map((object) => key(object)));
  return steps.find(({ op, object }) => {
    if (op === 'remove' || object.kind !== 'rule') return false;
    const { family, table, target } = object.rule;
    if (target.kind !== 'jump' && target.kind !== 'goto') return false;
    return !chains.has(key({ kind: 'chain', family, table, name: target.chain }));
  });
}

/** The steps less the removals of what is not there, and with changes of it as additions; undefined if all is there. */
function withoutGone(
  steps: readonly FirewallStep[],
  there: readonly FirewallObject[],
): readonly FirewallStep[] | undefined {
  const counts = new Map<string, number>();
  for (const object of there) counts.set(key(object), (counts.get(key(object)) ?? 0) + 1);
  let gone = 0;
  const rest = steps.flatMap((step): FirewallStep[] => {
    if (step.op === 'add') return [step];
    const count = counts.get(key(step.object)) ?? 0;
    counts.set(key(step.object), count - 1);
    if (count > 0) return [step];
    gone += 1;
    return step.op === 'change' ? [{ op: 'add', object: step.object }] : [];
  });
  return gone > 0 ? rest : undefined;
}
