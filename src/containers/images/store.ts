import type { ImageInfo, Images } from '../../core/engine/images.ts';
import type { HistoryEntry, ImagePruneFilter, ImageUser, ImageView, Progress, RegistryAuth, Removal } from './image.ts';

/**
 * The images of one data root.
 *
 * Where a method gives messages, an error before the first message is a refusal (EngineError);
 * afterwards the caller has already begun its answer and must put the error into the stream.
 * A consumer that stops reading ends the operation, and nothing half done stays.
 */
export declare class ImageStore implements Images {
  /** `root`: a folder of the store's own; made if missing. What a crash left half done is removed. */
  static open(root: string, options?: { readonly insecureRegistries?: readonly string[] }): Promise<ImageStore>;
  find(reference: string): Promise<ImageInfo>;
  inspect(reference: string): Promise<ImageView>;
  /** Newest first. */
  list(): readonly ImageView[];
  /** Newest first. */
  history(reference: string): Promise<readonly HistoryEntry[]>;
  /** Folders of the image's layers as overlayfs takes them: the top layer first. Works for as long as a container uses the image. */
  layers(imageId: string): readonly string[];
  /** A docker archive or an OCI layout as a tar, plain or compressed. */
  load(archive: AsyncIterable<Uint8Array>): AsyncIterable<Progress>;
  /** A docker archive with these images. Throws before anything is given if one is missing. */
  save(references: readonly string[]): Promise<AsyncIterable<Uint8Array>>;
  /** Makes an image of a root filesystem's tar. `changes` are Dockerfile instructions (CMD, ENV, …). */
  import(
    archive: AsyncIterable<Uint8Array>,
    options?: {
      readonly repository?: string;
      readonly tag?: string;
      readonly message?: string;
      readonly changes?: readonly string[];
    },
  ): AsyncIterable<Progress>;
  /** `platform`: `os[/architecture[/variant]]`; undefined: this machine's. */
  pull(
    reference: string,
    options?: { readonly auth?: RegistryAuth; readonly platform?: string },
  ): AsyncIterable<Progress>;
  tag(source: string, repository: string, tag?: string): Promise<void>;
  remove(
    reference: string,
    options: { readonly force: boolean; readonly noprune: boolean },
    usedBy: readonly ImageUser[],
  ): Promise<readonly Removal[]>;
  prune(
    filter: ImagePruneFilter,
    usedBy: readonly ImageUser[],
  ): Promise<{ readonly removed: readonly Removal[]; readonly reclaimed: number }>;
}
