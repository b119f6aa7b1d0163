/** What is known of an image, and what the store's operations take and give. */
import type { ImageInfo } from '../engine/images.ts';

/** One line of an image's history. */
export interface HistoryEntry {
  /** RFC 3339; absent where the image's maker wrote none. */
  readonly created: string | undefined;
  readonly createdBy: string;
  readonly comment: string;
  /** `sha256:…` on the newest entry, `<missing>` on those below it. */
  readonly id: string;
  /** `name:tag`s, on the newest entry only. */
  readonly tags: readonly string[];
  /** Bytes that this step added. */
  readonly size: number;
}

/** An image, for inspection and lists. */
export interface ImageView extends ImageInfo {
  /** Familiar names: `busybox:1`, not `docker.io/library/busybox:1`. */
  readonly repoTags: readonly string[];
  /** `name@sha256:…` for each repository that it was pulled from. */
  readonly repoDigests: readonly string[];
  /** RFC 3339. */
  readonly created: string;
  /** RFC 3339: when it last got a name here. */
  readonly lastTagged: string | undefined;
  readonly author: string;
  readonly comment: string;
  readonly dockerVersion: string;
  readonly architecture: string;
  readonly variant: string;
  readonly os: string;
  /** Bytes of all files in all layers. */
  readonly size: number;
  /** `sha256:…` of the uncompressed layer archives, the lowest layer first. */
  readonly diffIds: readonly string[];
}

/** A message of a long operation, as the Engine API streams it, one JSON object a line. */
export interface Progress {
  readonly status?: string;
  /** Of what the status tells: a short layer id, or a tag. */
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  /** Text for the terminal as it is. */
  readonly stream?: string;
}

/** Credentials as the `X-Registry-Auth` header carries them. */
export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** A container, as far as it keeps an image from being removed. */
export interface ImageUser {
  readonly id: string;
  /** `sha256:…` */
  readonly imageId: string;
  readonly running: boolean;
}

/** One line of what a removal did: a name taken away, or an image or layer deleted. */
export type Removal = { readonly Untagged: string } | { readonly Deleted: string };

/** Which images a prune takes. */
export interface ImagePruneFilter {
  /** Only images without a name (Docker's default); false: all that no container uses. */
  readonly dangling: boolean;
  readonly labels: readonly string[];
  readonly withoutLabels: readonly string[];
  /** RFC 3339: only what was created before. */
  readonly until?: string;
}
