import { join } from 'node:path';
import { writeBusyboxArchive } from '../../scripts/images.ts';
import type { Stage } from '../../scripts/stage.ts';

/** Gives a stage's daemon the image busybox:1.36. */
export async function loadBusybox(stage: Stage): Promise<void> {
  const archive = join(stage.directory, 'busybox.tar');
  await writeBusyboxArchive(archive);
  await stage.docker('load', '-i', archive);
}
