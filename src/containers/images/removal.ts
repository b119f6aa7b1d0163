/** Docker's rules of what may be removed, and what goes with it. */
import { EngineError } from '../../core/network/error.ts';
import { canonicalName, type Reference } from './reference.ts';
import type { ImageUser } from './image.ts';

const short = (id: string): string => id.replace('sha256:', '').slice(0, 12);

/** Whether a user's text is an image's id, or its start, and not a name. */
export function isIdPrefix(id: string, text: string): boolean {
  return id.startsWith(text) || id.startsWith(`sha256:${text}`);
}

/** Whether the image has one name at most; digests of the same repository do not count as more. */
export function isSingle(references: readonly Reference[]): boolean {
  const tagged = references.filter((reference) => reference.digest === undefined);
  const repositories = new Set(references.map(canonicalName));
  return tagged.length <= 1 && repositories.size <= 1;
}

/** Refuses to take an image's last name while containers are called by it. */
export function checkUntag(
  text: string,
  id: string,
  references: readonly Reference[],
  users: readonly ImageUser[],
): void {
  const [user] = users;
  if (!user || !isSingle(references)) return;
  throw new EngineError(
    'conflict',
    `conflict: unable to remove repository reference "${text}" (must force) - container ${short(user.id)} is using its referenced image ${short(id)}`,
  );
}

/** Why an image cannot be deleted. */
export interface DeletionConflict {
  /** Because of a container. */
  readonly used: boolean;
  readonly error: EngineError;
}

/** What stands against deleting an image: a running container always; names and stopped ones unless forced. */
export function deletionConflict(
  id: string,
  references: readonly Reference[],
  users: readonly ImageUser[],
  force: boolean,
): DeletionConflict | undefined {
  const running = users.find((user) => user.running);
  const conflict = (used: boolean, may: string, reason: string): DeletionConflict => ({
    used,
    error: new EngineError('conflict', `conflict: unable to delete ${short(id)} (${may}) - ${reason}`),
  });
  if (running) {
    return conflict(true, 'cannot be forced', `image is being used by running container ${short(running.id)}`);
  }
  if (force) return undefined;
  if (references.length > 0) return conflict(false, 'must be forced', 'image is referenced in multiple repositories');
  const [stopped] = users;
  if (stopped) return conflict(true, 'must be forced', `image is being used by stopped container ${short(stopped.id)}`);
  return undefined;
}

/** The names to take away together with one: the last tag of a repository takes its digests along. */
export function untagged(reference: Reference, references: readonly Reference[]): Reference[] {
  if (reference.digest !== undefined) return [reference];
  const name = canonicalName(reference);
  const inRepository = references.filter((other) => canonicalName(other) === name);
  const others = inRepository.filter((other) => other.digest === undefined && other.tag !== reference.tag);
  return [reference, ...(others.length > 0 ? [] : inRepository.filter((other) => other.digest !== undefined))];
}
