import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ImageInfo, Images } from '../../core/engine/images.ts';
import { Mutex } from '../../core/engine/mutex.ts';
import { EngineError } from '../../core/network/error.ts';
import { readArchive, writeArchive, type ArchivedImage } from './archive.ts';
import { Catalog } from './catalog.ts';
import { configOf } from './changes.ts';
import { containerConfig, imageHistory, imageView, readImageConfig, type ImageConfig } from './config.ts';
import { hexOf } from './digest.ts';
import type {
  HistoryEntry,
  ImagePruneFilter,
  ImageUser,
  ImageView,
  Progress,
  RegistryAuth,
  Removal,
} from '../../core/image/image.ts';
import { Layers } from './layers.ts';
import { machinePlatform, parsePlatform } from './manifest.ts';
import { reporting, type Report } from './progress.ts';
import { pull } from './pull.ts';
import {
  familiar,
  parseAny,
  parseReference,
  tagOf,
  withDefaultTag,
  type Reference,
} from '../../core/image/reference.ts';
import { isPrunable, planRemoval, type RemovalPlan } from '../../core/image/removal.ts';
import { Workspace } from './workspace.ts';

export interface ImageStoreOptions {
  /** Registries spoken to without, or with any, certificate: `host[:port]` or `address/length`. */
  readonly insecureRegistries?: readonly string[];
}

/**
 * The images of one data root, in plain files:
 * `layers/`, `configs/`, `retired/` and `names.json`; `work/` holds what is half done and is emptied at open.
 *
 * Where a method gives messages, an error before the first message is a refusal (EngineError);
 * afterwards the caller has already begun its answer and must put the error into the stream.
 * A consumer that stops reading ends the operation, and nothing half done stays.
 */
export class ImageStore implements Images {
  readonly #root: string;
  readonly #catalog: Catalog;
  readonly #layers: Layers;
  readonly #insecure: readonly string[];
  /** What images there are, and their names, changes in one piece of work at a time. */
  readonly #changing = new Mutex();

  private constructor(root: string, catalog: Catalog, layers: Layers, options: ImageStoreOptions) {
    this.#root = root;
    this.#catalog = catalog;
    this.#layers = layers;
    this.#insecure = options.insecureRegistries ?? [];
  }

  /** `root`: a folder of the store's own; made if missing. What a crash left half done is removed. */
  static async open(root: string, options: ImageStoreOptions = {}): Promise<ImageStore> {
    // A tar that outlived its parent may still write there for a moment.
    await rm(join(root, 'work'), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    await mkdir(join(root, 'work'), { recursive: true, mode: 0o700 });
    const store = new ImageStore(root, await Catalog.open(root), await Layers.open(join(root, 'layers')), options);
    await store.#work(async () => undefined);
    return store;
  }

  async find(reference: string): Promise<ImageInfo> {
    const image = this.#catalog.find(reference);
    return { id: image.id, config: containerConfig(image) };
  }

  async inspect(reference: string): Promise<ImageView> {
    const image = this.#catalog.find(reference);
    return imageView(image, this.#standing(image));
  }

  /** Newest first. */
  list(): readonly ImageView[] {
    const views = this.#catalog.images().map((image) => imageView(image, this.#standing(image)));
    return views.sort((a, b) => Date.parse(b.created) - Date.parse(a.created));
  }

  /** Newest first. */
  async history(reference: string): Promise<readonly HistoryEntry[]> {
    const image = this.#catalog.find(reference);
    return imageHistory(image, this.#standing(image));
  }

  #standing(image: ImageConfig): Parameters<typeof imageView>[1] {
    const names = this.#catalog.names(image.id);
    const isTag = ({ reference }: (typeof names)[number]) => reference.digest === undefined;
    return {
      repoTags: names.filter(isTag).map(({ reference }) => familiar(reference)),
      repoDigests: names.filter((name) => !isTag(name)).map(({ reference }) => familiar(reference)),
      lastTagged: names
        .map(({ at }) => at)
        .sort()
        .at(-1),
      layerSizes: image.rootfs.diff_ids.map((diffId) => this.#layers.size(diffId)),
    };
  }

  /**
   * Folders of the image's layers as overlayfs takes them: the top layer first. Also of an image
   * that was removed, for as long as a container uses it.
   */
  layers(imageId: string): readonly string[] {
    const image = this.#catalog.standing(imageId);
    if (!image) throw new EngineError('not-found', `No such image: ${imageId}`);
    return image.rootfs.diff_ids.map((diffId) => this.#layers.tree(diffId)).toReversed();
  }

  /** A docker archive or an OCI layout as a tar, plain or compressed. */
  load(archive: AsyncIterable<Uint8Array>): AsyncIterable<Progress> {
    return reporting((report, signal) =>
      this.#work(async (workspace) => {
        const images = await readArchive(archive, workspace, machinePlatform(process.arch), signal);
        for (const image of images) await this.#loadImage(image, workspace, report, signal);
      }),
    );
  }

  async #loadImage(image: ArchivedImage, workspace: Workspace, report: Report, signal: AbortSignal): Promise<void> {
    const { id, rootfs } = readImageConfig(image.config);
    if (rootfs.diff_ids.length !== image.layers.length) {
      throw new EngineError(
        'invalid',
        `invalid manifest, layers length mismatch: expected ${image.layers.length}, got ${rootfs.diff_ids.length}`,
      );
    }
    this.#layers.hold(workspace, rootfs.diff_ids);
    for (const [index, diffId] of rootfs.diff_ids.entries()) {
      signal.throwIfAborted();
      if (this.#layers.has(diffId)) continue;
      const message = { report, status: 'Loading layer', id: hexOf(diffId).slice(0, 12) };
      await this.#layers.add({ ...image.layers[index]!, diffId }, workspace, message);
    }
    await this.#keep(image.config, async () => {
      for (const name of image.names) {
        const old = this.#catalog.lookup(name);
        if (old && old.id !== id) {
          const stream = `The image ${familiar(name)} already exists, renaming the old one with ID ${old.id} to empty string\n`;
          report({ stream });
        }
      }
      await this.#catalog.name(id, image.names, new Date().toISOString());
    });
    for (const name of image.names) report({ stream: `Loaded image: ${familiar(name)}\n` });
    if (image.names.length === 0) report({ stream: `Loaded image ID: ${id}\n` });
  }

  /** A docker archive with these images. Throws before anything is given if one is missing. */
  async save(references: readonly string[]): Promise<AsyncIterable<Uint8Array>> {
    const chosen = new Map<string, Reference[]>();
    for (const text of references) {
      for (const { id, names } of this.#chosen(text)) chosen.set(id, [...(chosen.get(id) ?? []), ...names]);
    }
    const sources = await Promise.all(
      [...chosen].map(async ([id, names]) => {
        const { created, rootfs } = this.#catalog.get(id)!;
        const tags = [...new Set(names.map(familiar))].sort();
        return { config: await this.#catalog.content(id), id, created, tags, diffIds: rootfs.diff_ids };
      }),
    );
    return this.#saved(sources);
  }

  /** What a name of an image to save stands for: a repository alone for all its tags, an id for no name. */
  #chosen(text: string): { readonly id: string; readonly names: readonly Reference[] }[] {
    const meant = parseAny(text);
    if ('name' in meant) {
      const isRepository = meant.name.tag === undefined && meant.name.digest === undefined;
      const names = isRepository ? this.#catalog.tags(meant.name) : [meant.name];
      const found = names.flatMap((name) => {
        const image = this.#catalog.lookup(name);
        return image ? [{ id: image.id, names: name.digest === undefined ? [name] : [] }] : [];
      });
      if (found.length > 0) return found;
    }
    return [{ id: this.#catalog.find(text).id, names: [] }];
  }

  async *#saved(sources: Parameters<typeof writeArchive>[0]): AsyncGenerator<Uint8Array> {
    const workspace = await this.#workspace();
    try {
      this.#layers.hold(
        workspace,
        sources.flatMap(({ diffIds }) => diffIds),
      );
      const archive = writeArchive(sources, (diffId) => this.#layers.archive(diffId));
      yield* archive;
      await archive.written;
    } finally {
      await this.#end(workspace);
    }
  }

  /** Makes an image of a root filesystem's tar. `changes` are Dockerfile instructions (CMD, ENV, …). */
  import(
    archive: AsyncIterable<Uint8Array>,
    options: {
      readonly repository?: string;
      readonly tag?: string;
      readonly message?: string;
      readonly changes?: readonly string[];
    } = {},
  ): AsyncIterable<Progress> {
    return reporting((report, signal) =>
      this.#work(async (workspace) => {
        const names = options.repository ? [tagOf(options.repository, options.tag)] : [];
        const config = configOf(options.changes ?? []);
        const path = await workspace.keep(archive, signal);
        const diffId = await this.#layers.add({ path, size: 0 }, workspace, {
          report: () => undefined,
          status: '',
          id: '',
        });
        const created = new Date().toISOString();
        const comment = options.message || 'Imported from -';
        const { architecture, os } = machinePlatform(process.arch);
        const image = JSON.stringify({
          architecture,
          comment,
          config,
          created,
          history: [{ created, comment }],
          os,
          rootfs: { type: 'layers', diff_ids: [diffId] },
        });
        const id = await this.#keep(Buffer.from(image), (id) => this.#catalog.name(id, names, created));
        report({ status: id });
      }),
    );
  }

  /** `platform`: `os[/architecture[/variant]]`; undefined: this machine's. Without tag or digest: `latest`. */
  pull(
    text: string,
    options: { readonly auth?: RegistryAuth; readonly platform?: string } = {},
  ): AsyncIterable<Progress> {
    return reporting((report, signal) =>
      this.#work(async (workspace) => {
        const reference = withDefaultTag(parseReference(text));
        const machine = machinePlatform(process.arch);
        const platform = options.platform ? parsePlatform(options.platform, machine) : machine;
        const registry = { auth: options.auth, insecure: this.#insecure, signal };
        const { config, digest } = await pull(reference, platform, registry, this.#layers, workspace, report);
        signal.throwIfAborted();
        const { domain, path } = reference;
        let isNew = false;
        await this.#keep(config, async (id) => {
          const at = new Date().toISOString();
          isNew = await this.#catalog.name(id, [reference], at);
          await this.#catalog.name(id, [{ domain, path, digest }], at);
        });
        report({ status: `Digest: ${digest}` });
        const what = isNew ? 'Downloaded newer image' : 'Image is up to date';
        report({ status: `Status: ${what} for ${familiar(reference)}` });
      }),
    );
  }

  async tag(source: string, repository: string, tag?: string): Promise<void> {
    const reference = tagOf(repository, tag);
    await this.#changing.run(async () => {
      const { id } = this.#catalog.find(source);
      await this.#catalog.name(id, [reference], new Date().toISOString());
    });
  }

  async remove(
    reference: string,
    options: { readonly force: boolean },
    usedBy: readonly ImageUser[],
  ): Promise<readonly Removal[]> {
    const { removed } = await this.#change(usedBy, async () => {
      const { id } = this.#catalog.find(reference);
      const users = usedBy.filter(({ imageId }) => imageId === id);
      const plan = planRemoval(reference, id, this.#references(id), users, options.force);
      return this.#take(id, plan, users.length > 0);
    });
    return removed;
  }

  prune(
    filter: ImagePruneFilter,
    usedBy: readonly ImageUser[],
  ): Promise<{ readonly removed: readonly Removal[]; readonly reclaimed: number }> {
    return this.#change(usedBy, async () => {
      const removals: Removal[] = [];
      for (const image of this.#catalog.images()) {
        const references = this.#references(image.id);
        const isUsed = usedBy.some(({ imageId }) => imageId === image.id);
        if (isUsed || !isPrunable(image, references, filter)) continue;
        removals.push(...(await this.#take(image.id, { untag: references, deletes: true }, false)));
      }
      return removals;
    });
  }

  async #take(id: string, plan: RemovalPlan, isNeeded: boolean): Promise<Removal[]> {
    await this.#catalog.unname(plan.untag);
    const untagged = plan.untag.map((reference) => ({ Untagged: familiar(reference) }));
    if (!plan.deletes) return untagged;
    await this.#catalog.remove(id, isNeeded);
    return [...untagged, { Deleted: id }];
  }

  #references(id: string): Reference[] {
    return this.#catalog.names(id).map(({ reference }) => reference);
  }

  /** Removes images by `task`, then the layers that none needs any more; tells of both. */
  #change(
    usedBy: readonly ImageUser[],
    task: () => Promise<Removal[]>,
  ): Promise<{ readonly removed: readonly Removal[]; readonly reclaimed: number }> {
    return this.#changing.run(async () => {
      const before = this.#catalog.stacks();
      const removals = await task();
      const inUse = new Set(usedBy.map(({ imageId }) => imageId));
      await this.#catalog.forget(this.#catalog.retired().filter((id) => !inUse.has(id)));
      const workspace = await this.#workspace();
      try {
        const reclaimed = await this.#sweep(workspace);
        const after = this.#catalog.stacks();
        const gone = [...before].filter((chainId) => !after.has(chainId)).map((chainId) => ({ Deleted: chainId }));
        return { removed: [...removals, ...gone], reclaimed };
      } finally {
        await workspace.remove();
      }
    });
  }

  #workspace(): Promise<Workspace> {
    return Workspace.make(join(this.#root, 'work'));
  }

  /** Runs work that may add layers; those that no image came to need go again. */
  async #work<T>(work: (workspace: Workspace) => Promise<T>): Promise<T> {
    const workspace = await this.#workspace();
    try {
      return await work(workspace);
    } finally {
      await this.#end(workspace);
    }
  }

  async #end(workspace: Workspace): Promise<void> {
    this.#layers.release(workspace);
    await this.#sweep(workspace);
    await workspace.remove();
  }

  #sweep(workspace: Workspace): Promise<number> {
    return this.#layers.sweep((diffId) => this.#catalog.uses(diffId), workspace);
  }

  /** Makes an image, whose layers are there, one of the store's, and gives it its names by `name`. */
  #keep(content: Uint8Array, name: (id: string) => Promise<unknown>): Promise<string> {
    return this.#changing.run(async () => {
      // An image on the disk promises its layers, so they must be there before it.
      await promisify(execFile)('sync', ['--file-system', this.#root]);
      const { id } = await this.#catalog.add(content);
      await name(id);
      return id;
    });
  }
}
