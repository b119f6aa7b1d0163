import { mkdir, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { EngineError } from '../../core/network/error.ts';
import { syncFolder, writeDurably } from '../durable.ts';
import { readImageConfig, readJson, type ImageConfig } from './config.ts';
import { chainIds, hexOf, isDigest } from './digest.ts';
import { canonical, familiar, parseAny, parseReference, withDefaultTag, type Reference } from './reference.ts';

const named = v.record(v.string(), v.object({ id: v.string(), at: v.string() }));

/** A name, and since when it has meant its image. */
interface Naming {
  readonly reference: Reference;
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
}

/**
 * Which images there are and what they are called: a file for each configuration, named by its
 * digest, and one file with all names. Each change is durable when it resolves; one at a time.
 *
 * An image that was removed while containers still stand on it is retired: it has no name, nobody
 * finds it, but its layers stay.
 */
export class Catalog {
  readonly #present: string;
  readonly #retiredRoot: string;
  readonly #namesFile: string;
  readonly #images = new Map<string, ImageConfig>();
  readonly #retired = new Map<string, ImageConfig>();
  #names = new Map<string, Naming>();

  private constructor(root: string) {
    this.#present = join(root, 'configs');
    this.#retiredRoot = join(root, 'retired');
    this.#namesFile = join(root, 'names.json');
  }

  static async open(root: string): Promise<Catalog> {
    const catalog = new Catalog(root);
    await readConfigs(catalog.#present, catalog.#images);
    await readConfigs(catalog.#retiredRoot, catalog.#retired);
    const content = await readFile(catalog.#namesFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    });
    for (const [key, { id, at }] of Object.entries(readJson(named, content, catalog.#namesFile))) {
      if (catalog.#images.has(id)) catalog.#names.set(key, { reference: parseReference(key), id, at });
    }
    return catalog;
  }

  images(): ImageConfig[] {
    return [...this.#images.values()];
  }

  get(id: string): ImageConfig | undefined {
    return this.#images.get(id);
  }

  /** Also finds what is retired. */
  standing(id: string): ImageConfig | undefined {
    return this.#images.get(id) ?? this.#retired.get(id);
  }

  /** Whether a layer belongs to an image, retired or not. */
  uses(diffId: string): boolean {
    return this.#standingImages().some((image) => image.rootfs.diff_ids.includes(diffId));
  }

  /** The chain ids of all images' stacks of layers, retired ones too; each image's whole stack first. */
  stacks(): ReadonlySet<string> {
    return new Set(this.#standingImages().flatMap((image) => chainIds(image.rootfs.diff_ids).toReversed()));
  }

  #standingImages(): ImageConfig[] {
    return [...this.#images.values(), ...this.#retired.values()];
  }

  /** The configuration's own bytes. */
  content(id: string): Promise<Buffer> {
    return readFile(join(this.#present, hexOf(id)));
  }

  /** An image's names, in alphabetical order. */
  names(id: string): Naming[] {
    const names = [...this.#names.values()].filter((naming) => naming.id === id);
    return names.sort((a, b) => (familiar(a.reference) < familiar(b.reference) ? -1 : 1));
  }

  /** All names with a tag of one repository. */
  tags(repository: Reference): Reference[] {
    const { domain, path } = repository;
    return [...this.#names.values()]
      .map(({ reference }) => reference)
      .filter((reference) => reference.domain === domain && reference.path === path && reference.tag !== undefined);
  }

  lookup(reference: Reference): ImageConfig | undefined {
    const id = this.#names.get(canonical(reference))?.id;
    return id === undefined ? undefined : this.#images.get(id);
  }

  /** The image that a user's text means: a name, else an id or the start of one that only one image has. */
  find(text: string): ImageConfig {
    const meant = parseAny(text);
    if ('id' in meant) {
      const image = this.#images.get(meant.id);
      if (image) return image;
      throw new EngineError('not-found', `No such image: ${meant.id}`);
    }
    const image = this.lookup(meant.name) ?? this.#findPrefix(text);
    if (image) return image;
    throw new EngineError('not-found', `No such image: ${familiar(withDefaultTag(meant.name))}`);
  }

  #findPrefix(text: string): ImageConfig | undefined {
    const start = text.startsWith('sha256:') ? text : `sha256:${text}`;
    const found = [...this.#images.values()].filter(({ id }) => id.startsWith(start));
    return found.length === 1 ? found[0] : undefined;
  }

  async add(content: Uint8Array): Promise<ImageConfig> {
    const image = readImageConfig(content);
    if (!this.#images.has(image.id)) {
      await writeDurably(join(this.#present, hexOf(image.id)), content);
      this.#images.set(image.id, image);
    }
    await this.forget([image.id]);
    return image;
  }

  /** Lets names mean this image; gives whether one of them did not before. */
  async name(id: string, references: readonly Reference[], at: string): Promise<boolean> {
    const changed = references.filter((reference) => this.#names.get(canonical(reference))?.id !== id);
    if (changed.length === 0) return false;
    const names = new Map(this.#names);
    for (const reference of changed) {
      const key = canonical(reference);
      names.set(key, { reference: parseReference(key), id, at });
    }
    await this.#writeNames(names);
    return true;
  }

  async unname(references: readonly Reference[]): Promise<void> {
    if (references.length === 0) return;
    const names = new Map(this.#names);
    for (const reference of references) names.delete(canonical(reference));
    await this.#writeNames(names);
  }

  async #writeNames(names: Map<string, Naming>): Promise<void> {
    const content = Object.fromEntries([...names].map(([key, { id, at }]) => [key, { id, at }]));
    await writeDurably(this.#namesFile, JSON.stringify(content));
    this.#names = names;
  }

  /** Removes an image that has no name any more; one that containers need is retired. */
  async remove(id: string, isNeeded: boolean): Promise<void> {
    const image = this.#images.get(id)!;
    const file = join(this.#present, hexOf(id));
    if (isNeeded) {
      await rename(file, join(this.#retiredRoot, hexOf(id)));
      this.#retired.set(id, image);
      await syncFolder(this.#retiredRoot);
    } else {
      await unlink(file);
    }
    this.#images.delete(id);
    await syncFolder(this.#present);
  }

  retired(): string[] {
    return [...this.#retired.keys()];
  }

  /** Ends the retirement of images. */
  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      if (!this.#retired.has(id)) continue;
      await unlink(join(this.#retiredRoot, hexOf(id)));
      this.#retired.delete(id);
    }
  }
}

/** Reads the configurations in a folder; what a crash left half written is removed. */
async function readConfigs(folder: string, into: Map<string, ImageConfig>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    if (!isDigest(`sha256:${name}`)) {
      await rm(file, { force: true });
      continue;
    }
    const image = readImageConfig(await readFile(file));
    if (image.id !== `sha256:${name}`) throw new Error(`${file} has been changed: its content is that of ${image.id}`);
    into.set(image.id, image);
  }
}
