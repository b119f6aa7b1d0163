/** `--snapshot FILE`: a host that is not here. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { snapshotFromPaste } from '../../core/insight/snapshot/paste.ts';
import { readSnapshot, type Snapshot } from '../../core/insight/snapshot/snapshot.ts';
import { ExitError, type Context } from '../command.ts';
import { text } from '../flags.ts';

export const SNAPSHOT_FLAG = {
  snapshot: text(
    "Look at a snapshot instead of the daemon's host, or at pasted outputs of iptables-save, nft -j and ip; - is the input",
    {
      placeholder: 'file',
    },
  ),
};

/** The text of a file, or of the standard input for `-`. */
export async function readText(context: Context, path: string): Promise<string> {
  if (path === '-') {
    const chunks: string[] = [];
    for await (const chunk of context.in as AsyncIterable<Buffer | string>) chunks.push(chunk.toString());
    return chunks.join('');
  }
  try {
    return readFileSync(resolve(context.folder, path), 'utf8');
  } catch (error) {
    throw new ExitError(`${path} cannot be read: ${(error as Error).message}`);
  }
}

export async function snapshotFrom(context: Context, path: string): Promise<Snapshot> {
  const content = await readText(context, path);
  try {
    return readSnapshot(content);
  } catch (error) {
    const pasted = snapshotFromPaste(content);
    if (pasted) return pasted;
    throw new ExitError(`${path}: ${(error as Error).message}`);
  }
}

/** The snapshot in the file, or one that the daemon takes now. */
export async function snapshotOf(context: Context, path: string): Promise<Snapshot> {
  return path === ''
    ? await context.client.json<Snapshot>('GET', '/passerelle/snapshot')
    : await snapshotFrom(context, path);
}
