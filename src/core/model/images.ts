import type { ContainerConfig } from '../container/config.ts';
import type { ImageInfo, Images } from '../engine/images.ts';
import { EngineError } from '../network/error.ts';

/** Images that are nothing but their configuration. */
export class ModelImages implements Images {
  readonly #images = new Map<string, ImageInfo>();

  /** `configs`: `name:tag` -> configuration. */
  constructor(configs: Readonly<Record<string, Partial<ContainerConfig>>>) {
    for (const [index, [reference, config]] of Object.entries(configs).entries()) {
      this.#images.set(reference, { id: `sha256:${String(index + 1).padStart(64, '0')}`, config });
    }
  }

  async find(reference: string): Promise<ImageInfo> {
    const image =
      this.#images.get(reference) ??
      this.#images.get(`${reference}:latest`) ??
      [...this.#images.values()].find(({ id }) => id === reference || id.startsWith(`sha256:${reference}`));
    if (!image || !reference) throw new EngineError('not-found', `No such image: ${reference}`);
    return image;
  }
}
