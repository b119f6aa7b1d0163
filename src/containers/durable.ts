/** Files that are either as they were or as they shall be, whenever the process or the machine dies. */
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Replaces or makes the file. It, and its name, are on the disk when this resolves. */
export async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Makes the names in a folder, as they are now, durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
