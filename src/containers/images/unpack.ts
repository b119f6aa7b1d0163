/**
 * Unpacking a layer is GNU tar's work, as a child: it keeps owners, modes, times, links, devices,
 * sparse files and binary extended attributes (tar-stream reads those as text), does not hold up
 * this process, and is on every Debian. It writes nowhere outside its folder: a member named with
 * `..` is refused, a leading slash is cut off, and a symlink that points out of the folder is made
 * only after everything else was written, so nothing is written through it.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { EngineError } from '../../core/network/error.ts';

const ARGUMENTS = [
  '--extract',
  '--file=-',
  '--numeric-owner',
  '--same-owner',
  '--same-permissions',
  '--delay-directory-restore',
  // Not trusted.*: with overlayfs's own attributes an image could redirect its folders.
  '--xattrs',
  '--xattrs-include=security.capability',
  '--xattrs-include=user.*',
];

/** How much of tar's complaints is kept. */
const LONGEST_COMPLAINT = 2000;

/** Unpacks a plain tar into an existing, empty folder. tar has ended when this settles. */
export async function unpack(archive: AsyncIterable<Uint8Array>, folder: string): Promise<void> {
  const tar = spawn('tar', [...ARGUMENTS, `--directory=${folder}`], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  });
  let complaint = '';
  tar.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (complaint.length < LONGEST_COMPLAINT) complaint += text;
  });
  const [fed, ended] = await Promise.allSettled([
    feed(archive, tar),
    once(tar, 'close') as Promise<[code: number | null, signal: string | null]>,
  ]);
  if (fed.status === 'rejected') throw fed.reason;
  if (ended.status === 'rejected') throw ended.reason;
  const [code, signal] = ended.value;
  if (code !== 0) {
    const reason = complaint.trim() || `tar ended with ${signal ?? code}`;
    throw new EngineError('invalid', `cannot unpack the layer: ${reason}`);
  }
}

/**
 * Gives tar an archive. tar may end with its last record before it is told that there is no more: what
 * comes then is read all the same, as its digest covers it. After a failure of tar's the rest is left.
 */
async function feed(
  archive: AsyncIterable<Uint8Array>,
  tar: ChildProcessByStdio<Writable, null, Readable>,
): Promise<void> {
  const { stdin } = tar;
  // A broken pipe is but the trace of tar's own end.
  stdin.on('error', () => undefined);
  const next = (event: 'drain' | 'close'): Promise<void> => new Promise((resolve) => void stdin.once(event, resolve));
  const closed = next('close');
  try {
    for await (const block of archive) {
      if (tar.exitCode || tar.signalCode) break;
      if (!stdin.destroyed && !stdin.write(block)) await Promise.race([next('drain'), closed]);
    }
    stdin.end();
  } catch (error) {
    stdin.destroy();
    throw error;
  }
}
