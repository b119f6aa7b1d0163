import { mkdir, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { syncFolder, writeDurably } from '../durable.ts';
import { readImageConfig, readJson, type ImageConfig } from './config.ts';
import { isDigest } from '../../core/image/digest.ts';
import { chainIds, hexOf } from './digest.ts';
import { ImageNames, type Naming } from '../../core/image/names.ts';
import { parseReference, type Reference } from '../../core/image/reference.ts';

const named = v.record(v.string(), v.object({ id: v.string(), at: v.string() }));

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
  #names = new ImageNames();

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
    for (const [name, { id, at }] of Object.entries(readJson(named, content, catalog.#namesFile))) {
      if (catalog.#images.has(id)) catalog.#names = catalog.#names.with(id, [parseReference(name)], at);
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
    return this.#names.of(id);
  }

  /** All names with a tag of one repository. */
  tags(repository: Reference): Reference[] {
    return this.#names.tags(repository);
  }

  lookup(reference: Reference): ImageConfig | undefined {
    const id = this.#names.lookup(reference);
    return id === undefined ? undefined : this.#images.get(id);
  }

  /** The image that a user's text means; throws not-found. */
  find(text: string): ImageConfig {
    return this.#images.get(this.#names.find(text, new Set(this.#images.keys())))!;
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
    const names = this.#names.with(id, references, at);
    if (names === this.#names) return false;
    await this.#writeNames(names);
    return true;
  }

  async unname(references: readonly Reference[]): Promise<void> {
    if (references.length > 0) await this.#writeNames(this.#names.without(references));
  }

  async #writeNames(names: ImageNames): Promise<void> {
    const content = Object.fromEntries([...names.entries()].map(([name, { id, at }]) => [name, { id, at }]));
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
