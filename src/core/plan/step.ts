import type { Desired, HostObject } from './object.ts';

/**
 * One step of a plan. `change` keeps the object's identity and turns `before` into `object`.
 * Every step can be undone: `inverse` says how.
 */
export type Step<T extends HostObject = HostObject> =
  | { readonly op: 'add'; readonly object: Desired<T> }
  | { readonly op: 'remove'; readonly object: Desired<T> }
  | { readonly op: 'change'; readonly object: Desired<T>; readonly before: Desired<T> };

/** The step that takes `step` back. */
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
