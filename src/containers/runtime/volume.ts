import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { ContainerRecord } from '../../core/container/container.ts';
import { RuntimeError } from '../../core/engine/runtime.ts';
import { withDirectory } from './within.ts';

const run = promisify(execFile);

/** Copies what an image has at `destination` into a volume that is still empty: contents, owners, modes, attributes. */
export async function fillVolume(root: string, destination: string, volume: string): Promise<void> {
  await mkdir(volume, { recursive: true });
  if ((await readdir(volume)).length > 0) return;
  await withDirectory(root, destination, async (source) => {
    try {
      await run('cp', ['--archive', '--reflink=auto', '--', `${source}/.`, volume]);
    } catch (error) {
      throw new RuntimeError(`cannot copy ${destination} of the image into its volume: ${(error as Error).message}`);
    }
  });
}

/**
 * Makes the host's directories that are to be bound and are not there, as Docker does for `--volume`.
 * @throws RuntimeError for one that was asked for by `--mount`, where a missing source is an error
 */
export async function ensureBindSources({ mounts, hostConfig }: ContainerRecord): Promise<void> {
  for (const { type, source, destination } of mounts) {
    if (type !== 'bind' || existsSync(source)) continue;
    if (hostConfig.Mounts?.some(({ Target }) => Target === destination)) {
      throw new RuntimeError(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
    }
    await mkdir(source, { recursive: true });
  }
}
