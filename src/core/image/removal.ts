/** Docker's rules of what may be removed, and what goes with it. */
import { EngineError } from '../network/error.ts';
import type { ImagePruneFilter, ImageUser } from './image.ts';
import { canonical, canonicalName, parseReference, type Reference } from './reference.ts';

/** What a removal takes: some names, and with the last of them the image. */
export interface RemovalPlan {
  readonly untag: readonly Reference[];
  readonly deletes: boolean;
}

/**
 * What `docker rmi TEXT` takes of the image that the text means, which has these names and these
 * containers. Throws conflict if it may not.
 */
export function planRemoval(
  text: string,
  id: string,
  references: readonly Reference[],
  users: readonly ImageUser[],
  force: boolean,
): RemovalPlan {
  if (isIdPrefix(id, text)) {
    const conflict = deletionConflict(id, isSingle(references) ? [] : references, users, force);
    if (conflict) throw conflict;
    return { untag: references, deletes: true };
  }
  const [user] = users;
  if (user && !force && isSingle(references)) {
    throw new EngineError(
      'conflict',
      `conflict: unable to remove repository reference "${text}" (must force) - container ${short(user.id)} is using its referenced image ${short(id)}`,
    );
  }
  const untag = goingWith(canonical(parseReference(text)), references);
  const isLast = untag.length === references.length;
  // A name goes even where the image then has to stay, nameless.
  return { untag, deletes: isLast && !deletionConflict(id, [], users, force) };
}

const short = (id: string): string => id.replace('sha256:', '').slice(0, 12);

function isIdPrefix(id: string, text: string): boolean {
  return id.startsWith(text) || id.startsWith(`sha256:${text}`);
}

/** Whether the image has one name at most; digests of the same repository do not count as more. */
function isSingle(references: readonly Reference[]): boolean {
  const tagged = references.filter(isTag);
  const repositories = new Set(references.map(canonicalName));
  return tagged.length <= 1 && repositories.size <= 1;
}

function isTag({ digest }: Reference): boolean {
  return digest === undefined;
}

/** The last tag of a repository takes the repository's digests along. */
function goingWith(key: string, references: readonly Reference[]): Reference[] {
  const named = references.filter((reference) => canonical(reference) === key);
  const rest = references.filter((reference) => canonical(reference) !== key);
  const siblings = rest.filter((other) => named.some((own) => canonicalName(own) === canonicalName(other)));
  return named.some(isTag) && !siblings.some(isTag) ? [...named, ...siblings] : named;
}

/** What stands against deleting an image: a running container always; names and stopped ones unless forced. */
function deletionConflict(
  id: string,
  references: readonly Reference[],
  users: readonly ImageUser[],
  force: boolean,
): EngineError | undefined {
  const conflict = (may: string, reason: string): EngineError =>
    new EngineError('conflict', `conflict: unable to delete ${short(id)} (${may}) - ${reason}`);
  const running = users.find((user) => user.running);
  if (running) return conflict('cannot be forced', `image is being used by running container ${short(running.id)}`);
  if (force) return undefined;
  if (references.length > 0) return conflict('must be forced', 'image is referenced in multiple repositories');
  const [stopped] = users;
  if (!stopped) return undefined;
  return conflict('must be forced', `image is being used by stopped container ${short(stopped.id)}`);
}

/** What a prune asks of an image. */
interface Prunable {
  /** RFC 3339. */
  readonly created: string;
  readonly config?: { readonly Labels?: Readonly<Record<string, string>> | null | undefined } | null | undefined;
}

/** Whether a prune takes the image. */
export function isPrunable(image: Prunable, references: readonly Reference[], filter: ImagePruneFilter): boolean {
  const own = image.config?.Labels ?? {};
  const has = (wanted: string): boolean => {
    const [key = '', ...value] = wanted.split('=');
    return Object.hasOwn(own, key) && (value.length === 0 || own[key] === value.join('='));
  };
  const isOld = filter.until === undefined || Date.parse(image.created) < Date.parse(filter.until);
  const isOpen = !filter.dangling || !references.some(isTag);
  return isOld && isOpen && filter.labels.every(has) && !filter.withoutLabels.some(has);
}
