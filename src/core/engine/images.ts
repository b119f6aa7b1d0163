import type { ContainerConfig } from '../container/config.ts';

/** What the engine needs to know of an image to make a container of it. */
export interface ImageInfo {
  /** `sha256:…` of the image's configuration. */
  readonly id: string;
  readonly config: Partial<ContainerConfig>;
}

export interface Images {
  /** Finds an image by name, `name:tag`, `name@digest`, id or id prefix; throws not-found `No such image: NAME`. */
  find(reference: string): Promise<ImageInfo>;
}
