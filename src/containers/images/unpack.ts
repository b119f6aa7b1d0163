/**
 * Unpacking a layer is GNU tar's work, as a child: it keeps owners, modes, times, links, devices,
 * sparse files and binary extended attributes (tar-stream reads those as text), does not hold up
 * this process, and is on every Debian. It writes nowhere outside its folder: a member named with
 * `..` is refused, a leading slash is cut off, and a symlink that points out of the folder is made
 * only after everything else was written, so nothing is written through it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
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

/** Unpacks a plain tar into an existing, empty folder; reads the archive to its end. */
export async function unpack(archive: AsyncIterable<Uint8Array>, folder: string): Promise<void> {
  const tar = spawn('tar', [...ARGUMENTS, `--directory=${folder}`], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  });
  const ended = once(tar, 'close') as Promise<[code: number | null, signal: string | null]>;
  // It is awaited below; until then a failure to start must not count as unhandled.
  ended.catch(() => undefined);
  let complaint = '';
  tar.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (complaint.length < LONGEST_COMPLAINT) complaint += text;
  });
  // tar may end before its input does; its exit code tells whether that was right.
  tar.stdin.on('error', () => undefined);
  try {
    for await (const chunk of archive) {
      if (!tar.stdin.writable) continue;
      if (!tar.stdin.write(chunk)) await Promise.race([once(tar.stdin, 'drain'), ended]);
    }
    tar.stdin.end();
    const [code, signal] = await ended;
    if (code !== 0) {
      const reason = complaint.trim() || `tar ended with ${signal ?? code}`;
      throw new EngineError('invalid', `cannot unpack the layer: ${reason}`);
    }
  } finally {
    tar.kill('SIGKILL');
  }
}
