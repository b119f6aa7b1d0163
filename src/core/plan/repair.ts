/** From what is really there to what is wanted. */
import { arrange } from './arrange.ts';
import { fits, needsReplacing } from './compare.ts';
import { groupBy } from './group.ts';
import { chainKey, containers, key, keysOf, nftSetKey } from './key.ts';
import { desired } from './desired.ts';
import {
  type ChainObject,
  type Desired,
  type HostObject,
  isKernel,
  type KernelObject,
  type Reason,
  type RuleObject,
} from './object.ts';
import { comparePositions } from './position.ts';
import type { Step } from './step.ts';

interface Drift {
  readonly added: Desired<KernelObject>[];
  readonly removed: Desired<KernelObject>[];
  readonly changed: { readonly before: Desired<KernelObject>; readonly after: Desired<KernelObject> }[];
}

const LEFT_OVER: Reason = {
  owner: { kind: 'engine', id: '', name: 'engine' },
  why: 'Nothing calls for it any more.',
};

/**
 * The steps that make `observed` what `desired` says, none if it is so.
 *
 * `observed` is all that `Kernel.observe` found of the kinds that `desired` speaks of; the rules of a
 * chain in their order. What is not wanted goes if it is ours: sandboxes, elements of our own sets, the rules
 * of our own chains (but for the ones that users write into), rules that jump to those, and whatever is in `ours`, the
 * objects of an earlier intent, but for chains that users wrote into. All else is foreign and stays as it is, where it is.
 */
export function repair(
  observed: readonly KernelObject[],
  desired: readonly Desired[],
  ours: readonly HostObject[] = [],
): Step<KernelObject>[] {
  const wanted = desired.filter((object) => isKernel(object));
  const reasons = new Map(ours.map((object) => [key(object), object]));
  const drift: Drift = { added: [], removed: [], changed: [] };
  const kept = keptForUsers(observed, reasons);
  repairObjects(drift, observed.filter(isNoRule), wanted.filter(isNoRule), reasons, kept);
  repairChains(drift, observed, wanted, reasons);
  return arrange(drift) as Step<KernelObject>[];
}

function isNoRule(object: KernelObject): boolean {
  return object.kind !== 'rule';
}

function repairObjects(
  { added, removed, changed }: Drift,
  observed: readonly KernelObject[],
  wanted: readonly Desired<KernelObject>[],
  ours: ReadonlyMap<string, HostObject>,
  kept: ReadonlySet<string>,
): void {
  const found = new Map(observed.map((object) => [key(object), object]));
  const known = new Set(wanted.map(key));
  const replaced = new Set<string>();
  for (const object of wanted) {
    const present = found.get(key(object));
    if (!present || !needsReplacing(present, object)) continue;
    removed.push(withReason(present, object));
    for (const gone of keysOf(present)) replaced.add(gone);
  }
  for (const [its, object] of new Map(wanted.map((object) => [key(object), object]))) {
    const present = found.get(its);
    // What is within a replaced object has gone with it.
    const isLost = replaced.has(its) || containers(object).some((container) => replaced.has(container));
    if (!present || isLost) added.push(object);
    else if (!fits(present, object)) changed.push({ before: withReason(present, object), after: object });
  }
  for (const object of observed) {
    const its = key(object);
    if (known.has(its)) continue;
    const reason = ours.get(its);
    const isForeign = reason !== undefined && 'foreign' in reason;
    const isKept = isForeign || kept.has(its) || (object.kind === 'chain' && object.policy === 'ACCEPT');
    const isOurs = object.kind === 'namespace' || isIn(object, known) || (reason && !isKept);
    if (isOurs) removed.push(withReason(object, reason));
  }
}

/** Whether it is an element of one of these sets. Users may have sets of their own in our table. */
function isIn(object: KernelObject, sets: ReadonlySet<string>): boolean {
  return object.kind === 'nft-element' && sets.has(nftSetKey(object));
}

/** The keys of what users wrote rules into, and of what that is in. */
function keptForUsers(observed: readonly KernelObject[], ours: ReadonlyMap<string, HostObject>): ReadonlySet<string> {
  const foreign = new Set(
    observed.flatMap((object) => (object.kind === 'rule' && !ours.has(key(object)) ? chainOf(object) : [])),
  );
  const kept = observed.filter((object) => {
    const known = ours.get(key(object));
    if (!known || !('open' in known)) return false;
    return object.kind === 'nft-chain' ? object.rules.length > 0 : foreign.has(key(object));
  });
  return new Set(kept.flatMap((object) => [key(object), ...containers(object)]));
}

/** What was found, with the reason that it was once made for. */
function withReason<T extends KernelObject>(found: T, known: object | undefined): Desired<T> {
  const reason = known && 'owner' in known && 'why' in known ? (known as Reason) : LEFT_OVER;
  return desired(found, reason.owner, reason.why);
}

function repairChains(
  drift: Drift,
  observed: readonly KernelObject[],
  wanted: readonly Desired<KernelObject>[],
  ours: ReadonlyMap<string, HostObject>,
): void {
  const own = new Set(
    [...wanted, ...ours.values()].filter((object) => isOwnChain(object)).map((object) => key(object)),
  );
  const found = groupBy(
    observed.filter((object) => object.kind === 'rule'),
    chainOf,
  );
  const rules = groupBy(
    wanted.filter((object) => object.kind === 'rule'),
    chainOf,
  );
  for (const [chain, present] of found) {
    const isOurs = (object: RuleObject) => own.has(chain) || own.has(jumpsTo(object)) || ours.has(key(object));
    repairChain(drift, present, rules.get(chain) ?? [], isOurs, ours);
  }
  for (const [chain, missing] of rules) if (!found.has(chain)) drift.added.push(...missing);
}

function isOwnChain(object: HostObject): object is ChainObject {
  return object.kind === 'chain' && !object.policy && !object.open;
}

function jumpsTo({ rule }: RuleObject): string {
  const { family, table, target } = rule;
  return target.kind === 'jump' || target.kind === 'goto' ? chainKey({ family, table, name: target.chain }) : '';
}

function chainOf({ rule: { family, table, chain } }: RuleObject): string {
  return chainKey({ family, table, name: chain });
}

function repairChain(
  { added, removed, changed }: Drift,
  present: readonly RuleObject[],
  wanted: readonly Desired<RuleObject>[],
  isOurs: (object: RuleObject) => boolean,
  ours: ReadonlyMap<string, HostObject>,
): void {
  const order = wanted.toSorted((a, b) => comparePositions(a.position, b.position));
  const places = groupBy(present.keys(), (index) => key(present[index]!));
  const place = new Map<Desired<RuleObject>, number>();
  for (const [its, objects] of groupBy(order, key)) {
    const found = places.get(its) ?? [];
    places.delete(its);
    // Deleting takes the first of several equal rules, so the last ones are those that stay.
    const doubled = found.splice(0, Math.max(0, found.length - objects.length));
    removed.push(...doubled.map((index) => withReason(present[index]!, objects[0])));
    for (const [nth, index] of found.entries()) place.set(objects[nth]!, index);
  }
  for (const [its, indexes] of places) {
    for (const index of indexes) {
      const object = present[index]!;
      if (isOurs(object)) removed.push(withReason(object, ours.get(its)));
    }
  }

  // Of equal positions any may lead: let it be as found.
  order.sort((a, b) => comparePositions(a.position, b.position) || (place.get(a) ?? 0) - (place.get(b) ?? 0));
  const stays = standing(order, place);
  for (const object of order) {
    if (stays.has(object)) continue;
    if (place.has(object)) changed.push({ before: object, after: object });
    else added.push(object);
  }
}

/**
 * The rules that need not be touched. Rules are placed at an edge of their chain, so of those at the
 * head the innermost ones may stay that stand in order, and likewise of those at the tail.
 */
function standing(
  order: readonly Desired<RuleObject>[],
  place: ReadonlyMap<Desired<RuleObject>, number>,
): ReadonlySet<Desired<RuleObject>> {
  const stays = new Set<Desired<RuleObject>>();
  const head = order.filter(({ position }) => position.section !== 'tail');
  const tail = order.filter(({ position }) => position.section === 'tail');
  let end = -1;
  let next = Infinity;
  for (const object of head.toReversed()) {
    const index = place.get(object);
    if (index === undefined || index > next) break;
    if (next === Infinity) end = index;
    next = index;
    stays.add(object);
  }
  for (const object of tail) {
    const index = place.get(object);
    if (index === undefined || index < end) break;
    end = index;
    stays.add(object);
  }
  return stays;
}
