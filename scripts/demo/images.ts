/** The images that the scene is played with: pulled where a registry can be reached, else made on the spot. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ImageStore } from '../../src/containers/images/store.ts';
import { writeBusyboxArchive, writeRegistryArchive } from '../images.ts';
import type { Stage } from '../stage.ts';

const REGISTRY = 'registry:2.7.1';
/** How long a registry may take to give the image (ms). */
const PATIENCE = 60_000;

export async function loadImages(
  stage: Stage,
  options: { readonly offline: boolean },
  print: (line: string) => void,
): Promise<void> {
  const busybox = join(stage.directory, 'busybox.tar');
  await writeBusyboxArchive(busybox);
  await stage.docker('load', '-i', busybox);
  const registry = join(stage.directory, 'registry.tar');
  const why = options.offline ? 'told to stay offline' : await pulled(stage, registry);
  if (why) {
    print(`${REGISTRY} is made on the spot from Debian's docker-registry (${why}).`);
    await writeRegistryArchive(registry);
  }
  await stage.docker('load', '-i', registry);
}

/** Pulls the image outside of the stage, which has no way to a registry. Gives why it could not, if so. */
async function pulled(stage: Stage, archive: string): Promise<string | undefined> {
  try {
    const store = await ImageStore.open(join(stage.directory, 'pulled'));
    const deadline = Date.now() + PATIENCE;
    for await (const _ of store.pull(REGISTRY, {})) {
      if (Date.now() > deadline) throw new Error('the registry is too slow');
    }
    await pipeline(Readable.from(await store.save([REGISTRY])), createWriteStream(archive));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
