/** A host's objects with their reasons: what the records call for, joined with what is really there. */
import { fits } from '../../plan/compare.ts';
import { describe } from '../../plan/describe.ts';
import { groupBy } from '../../plan/group.ts';
import { chainKey, key } from '../../plan/key.ts';
import type { Desired, HostObject, KernelObject, RuleObject } from '../../plan/object.ts';
import { NO_NAMES, type Names } from '../foreign/docker/infer.ts';
import { Recognizer, type Foreign } from '../foreign/recognize.ts';
import type { Entry, EntryOwner } from './entry.ts';

/**
 * `desired`: all that the records call for; empty on a host that somebody else manages. `observed`:
 * what `Kernel.observe` or a snapshot found, rules in the order of their chains. `names`: what
 * foreign bridges and addresses are called.
 */
export function explain(
  desired: readonly Desired[],
  observed: readonly KernelObject[],
  names: Names = NO_NAMES,
): readonly Entry[] {
  const numbers = numberRules(observed);
  const found = groupBy(observed, key);
  const entries: Entry[] = [];
  // Of equal rules the kernel keeps as many as records call for.
  for (const object of desired) {
    const candidates = found.get(key(object));
    const present = candidates?.shift();
    entries.push(entryOf(object, present, numbers));
  }
  const others = [...found.values()].flat().filter((object) => !isNoise(object));
  const recognizer = new Recognizer(others, names);
  const own = ownChains(desired);
  const links = new Map(desired.flatMap((object) => (object.kind === 'link' ? [[object.name, object.owner]] : [])));
  for (const object of others) {
    const owner = object.kind === 'address' || object.kind === 'route' ? links.get(object.link) : undefined;
    if (owner) entries.push(byKernel(object, owner));
    else entries.push(leftOver(object, desired.length > 0, own, recognizer, numbers));
  }
  return entries;
}

function entryOf(
  object: Desired,
  present: KernelObject | undefined,
  numbers: ReadonlyMap<KernelObject, number>,
): Entry {
  const { owner, why } = object;
  const number = present && numbers.get(present);
  const base = { object: bare(object), text: describe(object), owner, why, ...(number !== undefined && { number }) };
  // Sockets are the daemon's own, and it would not have started without them.
  if (object.kind === 'listener' || object.kind === 'resolver') return { ...base, state: 'present' };
  if (!present) return { ...base, state: 'missing' };
  // A rule is all that it says; its place is told by its number.
  if (present.kind === 'rule' || fits(present, object)) return { ...base, state: 'present' };
  return { ...base, state: 'different', found: describe(present) };
}

function bare({ owner: _owner, why: _why, ...object }: Desired): HostObject {
  return object;
}

function numberRules(observed: readonly KernelObject[]): ReadonlyMap<KernelObject, number> {
  const counts = new Map<string, number>();
  const numbers = new Map<KernelObject, number>();
  for (const object of observed) {
    if (object.kind !== 'rule') continue;
    const chain = chainOf(object);
    const number = (counts.get(chain) ?? 0) + 1;
    counts.set(chain, number);
    numbers.set(object, number);
  }
  return numbers;
}

const chainOf = ({ rule: { family, table, chain } }: RuleObject): string => chainKey({ family, table, name: chain });

/** The chains that hold nothing but our rules, and those that users write into. */
function ownChains(desired: readonly Desired[]): ReadonlyMap<string, 'closed' | 'open'> {
  const chains = new Map<string, 'closed' | 'open'>();
  for (const object of desired) {
    if (object.kind === 'chain' && !object.policy) chains.set(key(object), object.open ? 'open' : 'closed');
  }
  return chains;
}

/** What every host and every link has explains nothing: loopback, link-local addresses, settings, open built-in chains. */
function isNoise(object: KernelObject): boolean {
  switch (object.kind) {
    case 'sysctl':
      return true;
    case 'chain':
      return object.policy === 'ACCEPT';
    case 'link':
      return object.type === 'loopback';
    case 'address':
      return object.link === 'lo' || object.namespace !== 'host' || object.address.startsWith('fe80:');
    case 'route':
      return object.link === 'lo' || object.namespace !== 'host' || object.to.startsWith('fe80:');
    default:
      return false;
  }
}

/** What the kernel adds to a link of ours by itself. */
function byKernel(object: KernelObject, owner: EntryOwner): Entry {
  const why = 'The kernel adds it with the address of its link.';
  return { object, text: describe(object), state: 'present', owner, why };
}

function leftOver(
  object: KernelObject,
  isOurs: boolean,
  own: ReadonlyMap<string, 'closed' | 'open'>,
  recognizer: Recognizer,
  numbers: ReadonlyMap<KernelObject, number>,
): Entry {
  const number = numbers.get(object);
  const base = { object, text: describe(object), ...(number !== undefined && { number }) };
  const chain = object.kind === 'rule' ? own.get(chainOf(object)) : undefined;
  if (chain === 'open') {
    const why = recognizer.recognize(object).why;
    return { ...base, state: 'foreign', owner: { kind: 'foreign', id: 'user', name: 'user' }, why };
  }
  if (chain === 'closed' || (object.kind === 'namespace' && isOurs)) {
    const why = 'Nothing calls for it any more, or somebody wrote it by hand: a repair removes it.';
    return { ...base, state: 'stale', owner: { kind: 'engine', id: 'engine', name: 'engine' }, why };
  }
  const { why, ...whose } = recognizer.recognize(object);
  return { ...base, state: 'foreign', owner: foreignOwner(whose), why };
}

function foreignOwner({ program, part }: Omit<Foreign, 'why'>): EntryOwner {
  const name = part === undefined ? program : `${program}, ${part}`;
  return { kind: 'foreign', id: name, name };
}
