import type { Desired, HostObject } from './object.ts';
import type { Step } from './step.ts';

/** An object without its reason: all that the kernel need know of it, and half of its text. */
export function bare<T extends HostObject>(object: Desired<T>): T {
  const { owner: _owner, why: _why, ...rest } = object;
  return rest as unknown as T;
}

/** The same of all that a step is about. */
export function bareStep(step: Step): object {
  switch (step.op) {
    case 'add':
      return { op: step.op, object: bare(step.object) };
    case 'remove':
      return { op: step.op, object: bare(step.object), ...(step.contents && { contents: step.contents.map(bare) }) };
    case 'change':
      return { op: step.op, object: bare(step.object), before: bare(step.before) };
  }
}
