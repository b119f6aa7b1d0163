/** From one desired host to another. */
import { arrange } from './arrange.ts';
import { needsReplacing, sameObject } from './compare.ts';
import { groupBy } from './group.ts';
import { chainKey, containers, key, keysOf } from './key.ts';
import type { Desired, RuleObject } from './object.ts';
import { comparePositions } from './position.ts';
import type { Step } from './step.ts';

type Change = { readonly before: Desired; readonly after: Desired };

/**
 * The steps from `before` to `after`, in the order in which to do them; reasons alone make no step.
 *
 * Both may be parts of a host, the objects of the records that change. For rules to come to their
 * places, give in both what stands before them in their chains: the engine's own objects, whose
 * `first` rules are put to the front again when another is inserted there. Of all others it is
 * enough that a new rule's sequence is the highest of its section.
 */
export function difference(before: Iterable<Desired>, after: Iterable<Desired>): Step[] {
  const wanted = group(after);
  const added: Desired[] = [];
  const removed: Desired[] = [];
  const changed: Change[] = [];
  const kept: Desired[] = [];

  for (const [its, old] of group(before)) {
    const next = wanted.get(its) ?? [];
    wanted.delete(its);
    const rest = next.filter((object) => !take(old, (candidate) => sameObject(candidate, object)));
    for (const object of next) if (!rest.includes(object)) kept.push(object);
    for (const object of rest) {
      const predecessor = old.shift();
      if (!predecessor) {
        added.push(object);
      } else if (needsReplacing(predecessor, object)) {
        removed.push(predecessor);
        added.push(object);
      } else {
        changed.push({ before: predecessor, after: object });
      }
    }
    removed.push(...old);
  }
  for (const objects of wanted.values()) added.push(...objects);

  const made = new Set(added.flatMap((object) => keysOf(object)));
  const survives = (object: Desired) => !containers(object).some((container) => made.has(container));
  for (const object of kept.filter((object) => !survives(object))) {
    removed.push(object);
    added.push(object);
  }
  const inPlace = changed.filter(({ after }) => survives(after));
  for (const change of changed.filter(({ after }) => !survives(after))) {
    removed.push(change.before);
    added.push(change.after);
  }
  inPlace.push(...displaced(kept.filter(survives), added, inPlace));
  return arrange({ added, removed, changed: inPlace });
}

/** Objects by key. Only rules may be there more than once. */
function group(objects: Iterable<Desired>): Map<string, Desired[]> {
  const groups = groupBy(objects, key);
  for (const group of groups.values()) if (group[0]!.kind !== 'rule') group.length = 1;
  return groups;
}

/** Removes and gives the first element that `matches`. */
function take<T>(list: T[], matches: (element: T) => boolean): T | undefined {
  const index = list.findIndex(matches);
  return index < 0 ? undefined : list.splice(index, 1)[0];
}

/**
 * The rules that must be put to their places again: rules are placed at an edge of their chain, so
 * what stands between a placed rule and its edge has to follow.
 */
function displaced(kept: readonly Desired[], added: readonly Desired[], changed: readonly Change[]): Change[] {
  const rules = [...added, ...changed.map(({ after }) => after)].filter((object) => object.kind === 'rule');
  const placed = groupBy(rules, edge);
  return kept.flatMap((object) => {
    if (object.kind !== 'rule') return [];
    const follows = placed.get(edge(object))?.some((rule) => isNearerTheEdge(object, rule));
    return follows ? [{ before: object, after: object }] : [];
  });
}

function edge({ rule, position }: RuleObject): string {
  const { family, table, chain } = rule;
  return `${position.section === 'tail' ? 'tail' : 'head'} of ${chainKey({ family, table, name: chain })}`;
}

function isNearerTheEdge(object: RuleObject, than: RuleObject): boolean {
  const order = comparePositions(object.position, than.position);
  return object.position.section === 'tail' ? order > 0 : order < 0;
}
