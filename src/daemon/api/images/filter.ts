import type { ImageView } from '../../../core/image/image.ts';
import { Filters } from '../http/filters.ts';
import type { Query } from '../http/query.ts';
import { readInstantOrAge } from '../http/time.ts';
import type { Services } from '../services.ts';

/** The images that the query asks for, newest first. */
export async function selectImages(
  query: Query,
  images: Pick<Services['images'], 'list' | 'inspect'>,
  now: string,
): Promise<readonly ImageView[]> {
  const filters = Filters.read(query, ['before', 'dangling', 'label', 'reference', 'since', 'until']);
  const dangling = filters.flag('dangling');
  const created = async (name: string): Promise<string | undefined> => {
    const [ref] = filters.get(name);
    return ref === undefined ? undefined : (await images.inspect(ref)).created;
  };
  const bounds = [await created('before'), ...filters.get('until').map((text) => readInstantOrAge(text, now))]
    .filter((bound) => bound !== undefined)
    .map((bound) => Date.parse(bound));
  const since = await created('since');
  // Up to 1.24 a name was asked for by a parameter of its own.
  const name = query.text('filter');
  return images.list().filter((image) => {
    const time = Date.parse(image.created);
    return (
      (dangling === undefined || dangling === (image.repoTags.length === 0)) &&
      filters.labels(image.config.Labels ?? {}) &&
      filters.some('reference', (pattern) => isNamed(image, pattern)) &&
      (name === '' || isNamed(image, name)) &&
      bounds.every((bound) => time < bound) &&
      (since === undefined || time > Date.parse(since))
    );
  });
}

/** Whether one of an image's names fits a pattern of a shell, with or without its tag. */
function isNamed({ repoTags, repoDigests }: ImageView, pattern: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|\\]/g, String.raw`\$&`)
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  let expression: RegExp;
  try {
    expression = new RegExp(`^${source}$`);
  } catch {
    return false;
  }
  return [...repoTags, ...repoDigests].some(
    (name) => expression.test(name) || expression.test(name.replace(/@.*$|:[^/:]*$/, '')),
  );
}
