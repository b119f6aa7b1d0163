import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { Mutex } from '../../core/engine/mutex.ts';
import { EngineError } from '../../core/network/error.ts';
import { decompressed } from './compression.ts';
import { readJson } from './config.ts';
import { hexOf, Tally } from './digest.ts';
import { metered, type Report } from './progress.ts';
import { unpack } from './unpack.ts';
import { settleLayer } from './whiteout.ts';
import type { Workspace } from './workspace.ts';

const facts = v.object({
  /** Bytes of the files in it. */
  size: v.number(),
  /** Bytes of its plain archive. */
  archiveSize: v.number(),
});

type LayerFacts = v.InferOutput<typeof facts>;

/** A layer's archive as it came: a file, plain or compressed. */
export interface LayerFile {
  readonly path: string;
  /** Bytes, for the count of progress. */
  readonly size: number;
  /** What its plain content must be; undefined: whatever it is. */
  readonly diffId?: string;
}

/**
 * Layers by diff id, each unpacked once, in a folder of its own:
 * `tree` for overlayfs; `archive`, the archive as it came, because only its own bytes have its
 * digest, which a saved image must show; `layer.json`.
 * A folder appears whole, by a rename.
 */
export class Layers {
  readonly #root: string;
  readonly #facts = new Map<string, LayerFacts>();
  readonly #held = new Map<Workspace, Set<string>>();
  readonly #placing = new Mutex();

  private constructor(root: string) {
    this.#root = root;
  }

  /** A folder that cannot be read lost its content in a power cut before any image used it: it goes. */
  static async open(root: string): Promise<Layers> {
    await mkdir(root, { recursive: true, mode: 0o700 });
    const layers = new Layers(root);
    for (const hex of await readdir(root)) {
      const file = join(root, hex, 'layer.json');
      try {
        layers.#facts.set(`sha256:${hex}`, readJson(facts, await readFile(file), file));
      } catch {
        await rm(join(root, hex), { recursive: true });
      }
    }
    return layers;
  }

  has(diffId: string): boolean {
    return this.#facts.has(diffId);
  }

  size(diffId: string): number {
    return this.#get(diffId).size;
  }

  tree(diffId: string): string {
    this.#get(diffId);
    return join(this.#folder(diffId), 'tree');
  }

  /** The plain archive, and its size in bytes. */
  archive(diffId: string): { readonly size: number; readonly content: AsyncIterable<Uint8Array> } {
    const { archiveSize } = this.#get(diffId);
    return { size: archiveSize, content: decompressed(createReadStream(join(this.#folder(diffId), 'archive'))) };
  }

  /** Keeps layers, present or yet to come, from a sweep for as long as the workspace is in use. */
  hold(workspace: Workspace, diffIds: readonly string[]): void {
    const held = this.#held.get(workspace) ?? new Set();
    for (const diffId of diffIds) held.add(diffId);
    this.#held.set(workspace, held);
  }

  release(workspace: Workspace): void {
    this.#held.delete(workspace);
  }

  /** Unpacks the file, takes it over and holds the layer; `report` hears how far it is. Gives the diff id. */
  async add(
    file: LayerFile,
    workspace: Workspace,
    { report, ...message }: { readonly report: Report; readonly status: string; readonly id: string },
  ): Promise<string> {
    const folder = await workspace.folder();
    const tree = join(folder, 'tree');
    await mkdir(tree, { mode: 0o755 });
    const tally = new Tally();
    const read = metered(createReadStream(file.path), report, { ...message, total: file.size });
    await unpack(tally.of(decompressed(read)), tree);
    const diffId = tally.digest();
    if (file.diffId !== undefined && file.diffId !== diffId) {
      throw new EngineError('invalid', `invalid diffID for layer: expected "${file.diffId}", got "${diffId}"`);
    }
    const found: LayerFacts = { size: await settleLayer(tree), archiveSize: tally.size };
    await writeFile(join(folder, 'layer.json'), JSON.stringify(found));
    await rename(file.path, join(folder, 'archive'));
    await this.#placing.run(async () => {
      this.hold(workspace, [diffId]);
      if (this.has(diffId)) return;
      await rename(folder, this.#folder(diffId));
      this.#facts.set(diffId, found);
    });
    return diffId;
  }

  /**
   * Removes all layers but the used and the held ones; gives the bytes of their files. `isUsed` is
   * asked for each anew, since images come and go on the way.
   */
  sweep(isUsed: (diffId: string) => boolean, workspace: Workspace): Promise<number> {
    return this.#placing.run(async () => {
      let bytes = 0;
      for (const [diffId, { size }] of this.#facts) {
        if (isUsed(diffId) || this.#isHeld(diffId)) continue;
        this.#facts.delete(diffId);
        await rename(this.#folder(diffId), workspace.path());
        bytes += size;
      }
      return bytes;
    });
  }

  #isHeld(diffId: string): boolean {
    return [...this.#held.values()].some((held) => held.has(diffId));
  }

  #get(diffId: string): LayerFacts {
    const found = this.#facts.get(diffId);
    if (!found) throw new EngineError('internal', `layer ${diffId} is missing from ${this.#root}`);
    return found;
  }

  #folder(diffId: string): string {
    return join(this.#root, hexOf(diffId));
  }
}
