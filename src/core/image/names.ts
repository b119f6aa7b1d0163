import { EngineError } from '../network/error.ts';
import { canonical, familiar, parseAny, parseReference, withDefaultTag, type Reference } from './reference.ts';

/** A name, and since when it has meant its image. */
export interface Naming {
  readonly reference: Reference;
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
}

/** Which names mean which images. A value: what changes it gives another one. */
export class ImageNames {
  /** By the canonical form of the name. */
  readonly #names: ReadonlyMap<string, Naming>;

  constructor(names: ReadonlyMap<string, Naming> = new Map()) {
    this.#names = names;
  }

  entries(): Iterable<readonly [name: string, naming: Naming]> {
    return this.#names;
  }

  /** An image's names, in alphabetical order. */
  of(id: string): Naming[] {
    const names = [...this.#names.values()].filter((naming) => naming.id === id);
    return names.sort((a, b) => (familiar(a.reference) < familiar(b.reference) ? -1 : 1));
  }

  /** All names with a tag of one repository. */
  tags({ domain, path }: Reference): Reference[] {
    return [...this.#names.values()]
      .map(({ reference }) => reference)
      .filter((reference) => reference.domain === domain && reference.path === path && reference.tag !== undefined);
  }

  lookup(reference: Reference): string | undefined {
    return this.#names.get(canonical(reference))?.id;
  }

  /** The one of `images` that a user's text means: by a name, else by an id or the start of one that only one image has. */
  find(text: string, images: ReadonlySet<string>): string {
    const meant = parseAny(text);
    if ('id' in meant) {
      if (images.has(meant.id)) return meant.id;
      throw new EngineError('not-found', `No such image: ${meant.id}`);
    }
    const id = this.lookup(meant.name);
    if (id !== undefined && images.has(id)) return id;
    const start = text.startsWith('sha256:') ? text : `sha256:${text}`;
    const found = [...images].filter((image) => image.startsWith(start));
    if (found.length === 1) return found[0]!;
    throw new EngineError('not-found', `No such image: ${familiar(withDefaultTag(meant.name))}`);
  }

  /** Lets names mean this image; the same value if they all did. */
  with(id: string, references: readonly Reference[], at: string): ImageNames {
    const changed = references.filter((reference) => this.lookup(reference) !== id);
    if (changed.length === 0) return this;
    const names = new Map(this.#names);
    for (const reference of changed) {
      const key = canonical(reference);
      names.set(key, { reference: parseReference(key), id, at });
    }
    return new ImageNames(names);
  }

  without(references: readonly Reference[]): ImageNames {
    const names = new Map(this.#names);
    for (const reference of references) names.delete(canonical(reference));
    return new ImageNames(names);
  }
}
