/**
 * Unpacking into a container's root filesystem, which the container may change meanwhile. Every
 * folder is looked up by the kernel within the root, and what is made there is made by its bare name
 * and never through a link: no entry and no link of the container's leads out.
 */
import { execFile } from 'node:child_process';
import { constants, createWriteStream, type Stats } from 'node:fs';
import { chmod, lchown, link, lstat, lutimes, mkdir, open, symlink, unlink, utimes } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { extract as readTar, type Header } from 'tar-stream';
import { EngineError } from '../../core/network/error.ts';
import * as ffi from '../../linux/ffi.ts';
import { withDirectory } from '../runtime/within.ts';

export interface ExtractOptions {
  /** A folder and something else do not replace each other. */
  readonly keepKinds: boolean;
  /** Whom everything is to belong to; undefined: whom the archive says. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;

/** Reads the archive to its end. `folder` is a path within `root`. */
export async function extract(
  archive: AsyncIterable<Uint8Array>,
  root: string,
  folder: string,
  options: ExtractOptions,
): Promise<void> {
  const entries = readTar();
  const feeding = pipeline(Readable.from(archive), entries);
  // It is awaited below; a broken archive ends the loop first.
  feeding.catch(() => undefined);
  // A folder's times change with what is put in it.
  const folders: { readonly path: string; readonly header: Header }[] = [];
  for await (const entry of entries) {
    const { header } = entry;
    const path = join(folder, memberPath(header.name));
    if (path !== join(folder)) {
      await ensureFolder(root, dirname(path));
      await inFolder(root, dirname(path), (reached) =>
        put(
          { header, content: entry as AsyncIterable<Uint8Array> },
          join(reached, basename(path)),
          { root, folder },
          options,
        ),
      );
    }
    if (header.type === 'directory') folders.push({ path, header });
    entry.resume();
  }
  await feeding;
  for (const { path, header } of folders.toReversed()) {
    await withDirectory(root, path, (reached) => utimes(reached, new Date(), header.mtime));
  }
}

function memberPath(name: string): string {
  if (name.split('/').includes('..'))
    throw new EngineError('invalid', `the archive's member ${JSON.stringify(name)} leads out of it`);
  return posix.normalize(`/${name}`);
}

async function put(
  { header, content }: { readonly header: Header; readonly content: AsyncIterable<Uint8Array> },
  target: string,
  within: { readonly root: string; readonly folder: string },
  options: ExtractOptions,
): Promise<void> {
  const isFolder = header.type === 'directory';
  const there = await lstat(target).catch(() => undefined);
  if (there && !(isFolder && there.isDirectory())) await clear(target, there, isFolder, header.name, options);
  const mode = header.mode & 0o7777;
  switch (header.type) {
    case 'directory':
      if (!there?.isDirectory()) await mkdir(target, { mode: 0o700 });
      break;
    case 'file':
    case 'contiguous-file':
      // wx: made anew, so never through a link that appeared meanwhile.
      await pipeline(content, createWriteStream(target, { flags: 'wx', mode: 0o600 }));
      break;
    case 'symlink':
      await symlink(header.linkname, target);
      break;
    case 'link': {
      const source = join(within.folder, memberPath(header.linkname));
      await inFolder(within.root, dirname(source), (reached) => link(join(reached, basename(source)), target));
      return;
    }
    case 'fifo':
      ffi.mknod(target, S_IFIFO | mode, 0n);
      break;
    case 'character-device':
    case 'block-device': {
      const kind = header.type === 'block-device' ? S_IFBLK : S_IFCHR;
      ffi.mknod(target, kind | mode, deviceNumber(header.devmajor, header.devminor));
      break;
    }
    default:
      throw new EngineError('invalid', `the archive's member ${JSON.stringify(header.name)} is of an unknown kind`);
  }
  const { uid, gid } = options.owner ?? { uid: header.uid, gid: header.gid };
  await lchown(target, uid, gid);
  if (header.type !== 'symlink') await changeMode(target, mode);
  if (!isFolder) await lutimes(target, new Date(), header.mtime);
}

const O_PATH = 0o10000000;

/** Changes the mode of what is there, and of nothing else if the container puts a link in its place. */
async function changeMode(target: string, mode: number): Promise<void> {
  const handle = await open(target, O_PATH | constants.O_NOFOLLOW);
  try {
    await chmod(`/proc/self/fd/${handle.fd}`, mode);
  } finally {
    await handle.close();
  }
}

async function clear(
  target: string,
  there: Stats,
  becomesFolder: boolean,
  name: string,
  { keepKinds }: ExtractOptions,
): Promise<void> {
  if (keepKinds && there.isDirectory()) {
    throw new EngineError('invalid', `cannot overwrite directory ${JSON.stringify(name)} with non-directory`);
  }
  if (keepKinds && becomesFolder) {
    throw new EngineError('invalid', `cannot overwrite non-directory ${JSON.stringify(name)} with directory`);
  }
  if (!there.isDirectory()) return unlink(target);
  // Unlike Node's, this rm follows no link that the container puts in its way.
  await promisify(execFile)('rm', ['-rf', '--', basename(target)], { cwd: dirname(target) });
}

async function ensureFolder(root: string, path: string): Promise<void> {
  if (await withDirectory(root, path, async () => true)) return;
  await ensureFolder(root, dirname(path));
  await inFolder(root, dirname(path), (reached) => mkdir(join(reached, basename(path)), { mode: 0o755 }));
}

async function inFolder<T>(root: string, path: string, use: (reached: string) => Promise<T>): Promise<T> {
  const done = await withDirectory(root, path, async (reached) => ({ value: await use(reached) }));
  if (!done) throw new EngineError('invalid', `${path} in the container is not a directory`);
  return done.value;
}

/** A dev_t, as the C library packs it. */
function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (low & 0xffn) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | ((high & ~0xfffn) << 32n);
}
