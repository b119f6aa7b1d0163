import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A folder for one operation's half-done files, on the store's own disk, so that done ones can be renamed into it. */
export class Workspace {
  readonly #folder: string;
  #count = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(parent: string): Promise<Workspace> {
    return new Workspace(await mkdtemp(join(parent, 'work-')));
  }

  /** A path that nothing has yet. */
  path(): string {
    return join(this.#folder, String(this.#count++));
  }

  async folder(): Promise<string> {
    const path = this.path();
    await mkdir(path, { mode: 0o700 });
    return path;
  }

  /** Writes a stream to a new file; gives its path. */
  async keep(stream: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<string> {
    const path = this.path();
    await pipeline(stream, createWriteStream(path, { mode: 0o600 }), signal ? { signal } : {});
    return path;
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
