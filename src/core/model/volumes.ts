import type { Clock } from '../engine/clock.ts';
import type { Volume, Volumes } from '../engine/volumes.ts';
import { EngineError } from '../network/error.ts';

/** Volumes that nobody can look into. */
export class ModelVolumes implements Volumes {
  readonly #clock: Pick<Clock, 'now' | 'hex'>;
  readonly #volumes = new Map<string, Volume>();

  constructor(clock: Pick<Clock, 'now' | 'hex'>) {
    this.#clock = clock;
  }

  async create(request: Parameters<Volumes['create']>[0]): Promise<Volume> {
    const name = request.name || this.#clock.hex(32);
    const known = this.#volumes.get(name);
    if (known) return known;
    const volume: Volume = {
      name,
      mountpoint: `/volumes/${name}/_data`,
      created: this.#clock.now(),
      labels: request.labels ?? {},
      options: request.options ?? null,
      anonymous: request.anonymous ?? request.name === '',
    };
    this.#volumes.set(name, volume);
    return volume;
  }

  async get(name: string): Promise<Volume | undefined> {
    return this.#volumes.get(name);
  }

  async list(): Promise<readonly Volume[]> {
    return [...this.#volumes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<void> {
    if (!this.#volumes.delete(name)) throw new EngineError('not-found', `get ${name}: no such volume`);
  }
}
