import type { Clock } from '../clock.ts';
import type { Volume, Volumes } from '../volumes.ts';

/** Volumes that are there, and those that would be. */
export class RehearsedVolumes implements Volumes {
  readonly #original: Volumes;
  readonly #clock: Clock;
  /** What was made, or (undefined) removed. */
  readonly #changed = new Map<string, Volume | undefined>();

  constructor(original: Volumes, clock: Clock) {
    this.#original = original;
    this.#clock = clock;
  }

  async create(request: Parameters<Volumes['create']>[0]): Promise<Volume> {
    const { name, labels = {}, options = null, anonymous = false } = request;
    const present = await this.get(name);
    if (present) return present;
    const made: Volume = { name, mountpoint: '', created: this.#clock.now(), labels, options, anonymous };
    this.#changed.set(name, made);
    return made;
  }

  async get(name: string): Promise<Volume | undefined> {
    return this.#changed.has(name) ? this.#changed.get(name) : this.#original.get(name);
  }

  async list(): Promise<readonly Volume[]> {
    const kept = (await this.#original.list()).filter(({ name }) => !this.#changed.has(name));
    return [...kept, ...[...this.#changed.values()].filter((volume) => volume !== undefined)];
  }

  async remove(name: string): Promise<void> {
    this.#changed.set(name, undefined);
  }
}
