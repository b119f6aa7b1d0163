import type { Desired, HostObject, Owner } from './object.ts';

/**
 * The object, wanted by `owner` because of `why`. There are tens of thousands of them: what V8 makes of
 * `{ ...object, owner, why }` has a hidden class for each, which takes memory and makes all that reads
 * them slow.
 */
export function desired<T extends HostObject>(object: T, owner: Owner, why: string): Desired<T> {
  return Object.assign({}, object, { owner, why });
}
