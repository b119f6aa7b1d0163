import type { HostObject } from './object.ts';

/** Whether two objects of one key are the same in all that the kernel sees: reasons don't count. */
export function sameObject(a: HostObject, b: HostObject): boolean {
  return a === b || agrees(a, b, true);
}

/**
 * Whether what was found in the kernel is as wanted. It may tell more than was asked for, and what it
 * does not tell counts as right; but a port without a master is no port of the wanted bridge.
 */
export function fits(found: HostObject, wanted: HostObject): boolean {
  return agrees(found, wanted, false);
}

/** Whether turning `before` into `after` takes a new object: the kernel can't change what differs. */
export function needsReplacing(before: HostObject, after: HostObject): boolean {
  if (before.kind === 'address') return !fits(before, after);
  if (before.kind !== 'link' || after.kind !== 'link') return false;
  return ['type', 'parent', 'vlan', 'mode', 'peer'].some((name) => !fieldAgrees(before, after, name, false));
}

/**
 * What an object says about itself that the kernel does not hold, or in words of its own: a rule of
 * nftables is known by the digest that is its comment.
 */
const UNSEEN: ReadonlySet<string> = new Set(['owner', 'why', 'open', 'reason', 'statements', 'handle']);

/** What is told of every object that has it: a port's bridge, a base chain's hook, the digest of a rule of ours. */
const MISSED: ReadonlySet<string> = new Set(['master', 'base', 'comment']);

function agrees(a: object, b: object, strictly: boolean): boolean {
  // What users wrote into a chain that is open to them is as it should be.
  const isOpen = 'open' in b;
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return false;
  const names = strictly ? new Set([...Object.keys(a), ...Object.keys(b)]) : Object.keys(b);
  for (const name of names)
    if (!UNSEEN.has(name) && !(isOpen && name === 'rules') && !fieldAgrees(a, b, name, strictly)) return false;
  return true;
}

function fieldAgrees(a: object, b: object, name: string, strictly: boolean): boolean {
  const found = (a as Record<string, unknown>)[name];
  const wanted = (b as Record<string, unknown>)[name];
  if (found === undefined && !strictly) return !MISSED.has(name) || wanted === undefined;
  if (typeof found !== 'object' || typeof wanted !== 'object' || !found || !wanted) return found === wanted;
  return agrees(found, wanted, strictly);
}
