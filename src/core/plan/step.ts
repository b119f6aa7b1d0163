import type { Desired, HostObject } from './object.ts';

/**
 * One step of a plan. `change` keeps the object's identity and turns `before` into `object`; if both
 * are alike, the object is a rule that is put to its place again because others came to stand there.
 * What is within a removed object (a link's addresses, a chain's rules) goes with it: `contents`.
 */
export type Step<T extends HostObject = HostObject> =
  | { readonly op: 'add'; readonly object: Desired<T> }
  | { readonly op: 'remove'; readonly object: Desired<T>; readonly contents?: readonly Desired<T>[] }
  | { readonly op: 'change'; readonly object: Desired<T>; readonly before: Desired<T> };

/** The step that takes `step` back, but for the contents of what was removed: see `undo`. */
export function inverse<T extends HostObject>(step: Step<T>): Step<T> {
  switch (step.op) {
    case 'add':
      return { op: 'remove', object: step.object };
    case 'remove':
      return { op: 'add', object: step.object };
    case 'change':
      return { op: 'change', object: step.before, before: step.object };
  }
}

/** The steps that take `steps` back, in the order in which to do them. */
export function undo<T extends HostObject>(steps: readonly Step<T>[]): Step<T>[] {
  return steps.toReversed().flatMap((step): Step<T>[] => {
    const contents = step.op === 'remove' ? (step.contents ?? []) : [];
    return [inverse(step), ...contents.map((object): Step<T> => ({ op: 'add', object }))];
  });
}
