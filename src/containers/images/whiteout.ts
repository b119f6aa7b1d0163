/**
 * Layer archives mark what a layer removes by files: `.wh.NAME` hides NAME of the layers below, and
 * `.wh..wh..opq` all that they have in its folder (OCI image specification, "Whiteouts"). overlayfs
 * wants a character device 0/0 named NAME, and an extended attribute on the folder (kernel,
 * Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories").
 */
import { lstat, readdir, rm, utimes } from 'node:fs/promises';
import { makeNode, setExtendedAttribute } from '../../linux/mount.ts';

const PREFIX = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** Bookkeeping of aufs, which old archives carry. */
const PRIVATE = '.wh..wh.';

const SLASH = Buffer.from('/');
const YES = Buffer.from('y');

/** Turns the marks in an unpacked layer into overlayfs's own. Gives the bytes that its files hold. */
export async function settleLayer(root: string): Promise<number> {
  // Names are bytes: not every archive holds to UTF-8.
  const folders: Buffer[] = [Buffer.from(root)];
  const linked = new Set<string>();
  let size = 0;
  for (let folder = folders.pop(); folder; folder = folders.pop()) {
    const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
    const marks: string[] = [];
    const files: Buffer[] = [];
    for (const entry of entries) {
      if (entry.name.toString('latin1').startsWith(PREFIX)) marks.push(utf8(entry.name));
      else if (entry.isDirectory()) folders.push(join(folder, entry.name));
      else files.push(join(folder, entry.name));
    }
    for (const stats of await Promise.all(files.map((file) => lstat(file)))) {
      if (stats.nlink > 1 && linked.has(String(stats.ino))) continue;
      if (stats.nlink > 1) linked.add(String(stats.ino));
      size += stats.size;
    }
    if (marks.length > 0) await settleFolder(utf8(folder), marks, new Set(entries.map(({ name }) => name.toString())));
  }
  return size;
}

async function settleFolder(folder: string, marks: readonly string[], names: ReadonlySet<string>): Promise<void> {
  const { atimeMs, mtimeMs } = await lstat(folder);
  for (const mark of marks) {
    const hidden = mark.slice(PREFIX.length);
    if (['', '.', '..'].includes(hidden)) throw new Error(`layer has a whiteout without a name in ${folder}: ${mark}`);
    await rm(`${folder}/${mark}`, { recursive: true, force: true });
    if (mark === OPAQUE) makeOpaque(folder);
    else if (mark.startsWith(PRIVATE)) continue;
    else if (!names.has(hidden)) makeNode(`${folder}/${hidden}`, 'character', 0);
    // A layer that removes a folder and makes it anew shows nothing of the old one.
    else if ((await lstat(`${folder}/${hidden}`)).isDirectory()) makeOpaque(`${folder}/${hidden}`);
  }
  await utimes(folder, atimeMs / 1000, mtimeMs / 1000);
}

function makeOpaque(folder: string): void {
  setExtendedAttribute(folder, 'trusted.overlay.opaque', YES);
}

function join(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, SLASH, name]);
}

function utf8(name: Buffer): string {
  const text = name.toString();
  if (!Buffer.from(text).equals(name)) throw new Error(`layer has a whiteout at a name that is not UTF-8: ${text}`);
  return text;
}
