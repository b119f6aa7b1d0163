/** Steps, all or none. */
import { KernelError } from '../core/engine/kernel.ts';
import { key } from '../core/plan/key.ts';
import type { KernelObject, LinkObject } from '../core/plan/object.ts';
import type { Step } from '../core/plan/step.ts';
import { isNftStep } from '../core/firewall/nftables/transaction.ts';
import type { FirewallStep } from '../core/firewall/restore.ts';
import { applyFirewall } from './firewall.ts';
import type { RuleHandles } from './handles.ts';
import type { Iptables } from './iptables.ts';
import type { Namespaces } from './namespaces.ts';
import { addObject, beginLinkRemoval, changeObject, type PlainObject, removeObject, type Undo } from './objects.ts';
import { applyTables, type TableTools } from './tables.ts';

type PlainStep = Step<PlainObject>;

interface Done {
  readonly step: Step<KernelObject>;
  readonly undo: Undo;
}

/** What the steps are done with. */
export interface Host {
  readonly namespaces: Namespaces;
  readonly tables: TableTools;
  readonly iptables: Iptables;
  readonly handles: RuleHandles;
}

const isFirewall = (step: Step<KernelObject>): step is FirewallStep =>
  step.object.kind === 'chain' || step.object.kind === 'rule';

/**
 * Does the steps in their order; consecutive steps of nftables together, in one transaction, and
 * those of iptables in one for each family. While the kernel ends links, which takes it longest, the
 * firewall's steps go on. What fails is taken back with all before it, and thrown as a KernelError; what cannot be
 * taken back is told in its message.
 */
export function applySteps(
  { namespaces, tables, iptables, handles }: Host,
  steps: readonly Step<KernelObject>[],
): void {
  const undos: Done[] = [];
  const ending: { readonly step: PlainStep; readonly wait: () => Undo }[] = [];
  const awaitEnds = () => {
    for (let end; (end = ending.shift());) undos.push({ step: end.step, undo: attempt(end.step, end.wait) });
  };
  try {
    for (let at = 0; at < steps.length;) {
      const step = steps[at]!;
      if (isFirewall(step)) {
        const batch = beginning(steps.slice(at), isFirewall);
        undos.push({ step, undo: applyFirewall({ iptables, handles }, batch) });
        at += batch.length;
      } else if (isNftStep(step)) {
        const batch = beginning(steps.slice(at), isNftStep);
        undos.push({ step, undo: applyTables(tables, batch) });
        at += batch.length;
      } else if (step.op === 'remove' && step.object.kind === 'link') {
        const { object, contents } = step as { object: LinkObject; contents?: readonly PlainObject[] };
        const wait = attempt(step, () => beginLinkRemoval(namespaces, object, contents));
        ending.push({ step: step as PlainStep, wait });
        at += 1;
      } else {
        // It may need a removed link's name.
        awaitEnds();
        undos.push({ step, undo: attempt(step, () => perform(namespaces, step as PlainStep)) });
        at += 1;
      }
    }
    awaitEnds();
  } catch (error) {
    for (const { step, wait } of ending) {
      try {
        undos.push({ step, undo: wait() });
      } catch {
        // The kernel refused to remove it: it is as it was.
      }
    }
    throw withLeftovers(error as KernelError, undos.toReversed());
  }
}

function beginning<T, S extends T>(list: readonly T[], isIt: (item: T) => item is S): readonly S[] {
  const end = list.findIndex((item) => !isIt(item));
  return (end < 0 ? list : list.slice(0, end)) as readonly S[];
}

function perform(namespaces: Namespaces, step: PlainStep): Undo {
  switch (step.op) {
    case 'add':
      return addObject(namespaces, step.object);
    case 'remove':
      return removeObject(namespaces, step.object, step.contents);
    case 'change':
      return changeObject(namespaces, step.before, step.object);
  }
}

/** Does it for the step; if it is refused, in the words of what refused it. */
function attempt<T>(step: Step<KernelObject>, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const { message, code = '' } = error as Error & { readonly code?: string };
    throw new KernelError(`${step.op} ${key(step.object)}: ${message}`, step, code);
  }
}

/** Takes back, and returns the error with what could not be taken back added to its message. */
function withLeftovers(error: KernelError, undos: readonly Done[]): KernelError {
  const leftovers: string[] = [];
  for (const { step, undo } of undos) {
    try {
      undo();
    } catch (failure) {
      leftovers.push(`${step.op} ${key(step.object)} was not taken back: ${(failure as Error).message}`);
    }
  }
  return leftovers.length === 0
    ? error
    : new KernelError([error.message, ...leftovers].join('; '), error.step, error.code);
}
