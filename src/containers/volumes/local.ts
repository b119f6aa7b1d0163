import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Mutex } from '../../core/engine/mutex.ts';
import type { Volume, Volumes } from '../../core/engine/volumes.ts';
import { EngineError } from '../../core/network/error.ts';
import { syncFolder, writeDurably } from '../durable.ts';

/** At least two characters, and none that could lead out of the folder. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** What is half made or half removed bears a name that no volume can have. */
const HALF = '.half-';

type Facts = Pick<Volume, 'created' | 'labels' | 'options' | 'anonymous'>;

/**
 * Volumes as folders: `<root>/<name>/_data` is the volume, `volume.json` beside it what is known of
 * it. A volume appears and goes by one rename.
 */
export class LocalVolumes implements Volumes {
  readonly #root: string;
  readonly #volumes = new Map<string, Volume>();
  readonly #changing = new Mutex();

  private constructor(root: string) {
    this.#root = root;
  }

  /** `root`: a folder for volumes alone; made if missing. */
  static async open(root: string): Promise<LocalVolumes> {
    await mkdir(root, { recursive: true, mode: 0o701 });
    const volumes = new LocalVolumes(root);
    for (const name of await readdir(root)) {
      if (name.startsWith(HALF)) await rm(join(root, name), { recursive: true, force: true });
      else volumes.#know(name, JSON.parse(await readFile(join(root, name, 'volume.json'), 'utf8')) as Facts);
    }
    return volumes;
  }

  #know(name: string, facts: Facts): Volume {
    const volume = { name, mountpoint: join(this.#root, name, '_data'), ...facts };
    this.#volumes.set(name, volume);
    return volume;
  }

  /** An empty name: one is made, of 64 hexadecimal digits. */
  create(request: Parameters<Volumes['create']>[0]): Promise<Volume> {
    const name = request.name || randomBytes(32).toString('hex');
    return this.#changing.run(async () => {
      checkName(name);
      const [option] = Object.keys(request.options ?? {});
      if (option !== undefined) {
        throw new EngineError(
          'invalid',
          `create ${name}: invalid option: "${option}": local volumes take none here; bind-mount a folder of the host instead`,
        );
      }
      return this.#volumes.get(name) ?? this.#make(name, request);
    });
  }

  async #make(name: string, request: Parameters<Volumes['create']>[0]): Promise<Volume> {
    const facts: Facts = {
      created: new Date().toISOString(),
      labels: request.labels ?? {},
      options: null,
      anonymous: request.anonymous ?? request.name === '',
    };
    const half = await mkdtemp(join(this.#root, HALF));
    await mkdir(join(half, '_data'), { mode: 0o755 });
    await writeDurably(join(half, 'volume.json'), JSON.stringify(facts));
    await rename(half, join(this.#root, name));
    await syncFolder(this.#root);
    return this.#know(name, facts);
  }

  async get(name: string): Promise<Volume | undefined> {
    return this.#volumes.get(name);
  }

  /** By name. */
  async list(): Promise<readonly Volume[]> {
    return [...this.#volumes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  remove(name: string): Promise<void> {
    return this.#changing.run(async () => {
      if (!this.#volumes.has(name)) throw new EngineError('not-found', `get ${name}: no such volume`);
      const half = await mkdtemp(join(this.#root, HALF));
      await rename(join(this.#root, name), join(half, name));
      this.#volumes.delete(name);
      await syncFolder(this.#root);
      await rm(half, { recursive: true, force: true });
    });
  }
}

function checkName(name: string): void {
  if (NAME.test(name)) return;
  const problem =
    name.length === 1
      ? 'volume name is too short, names should be at least two alphanumeric characters'
      : `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`;
  throw new EngineError('invalid', `create ${name}: ${problem}`);
}
