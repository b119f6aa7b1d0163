import { closeSync, existsSync, readFileSync, realpathSync, mkdtempSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { openPipe } from './pipe.ts';
import { reap, startProcess } from './spawn.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'passerelle-spawn-')));

test('a process has its program, words, directory, variables and files, and the signals of a new one; it is reaped', async () => {
  const output = openPipe();
  const script =
    'pwd; echo "$1 $WORD"; cat; readlink /proc/self/fd/0; ls /proc/$$/fd | tr "\\n" " "; grep -E "Sig(Blk|Ign)" /proc/self/status';
  const pid = startProcess({
    program: '/bin/sh',
    args: ['-c', script, 'sh', 'a b'],
    directory: folder,
    environment: { WORD: 'c d', PATH: '/usr/bin:/bin' },
    files: [null, output.write, null],
  });
  // One that leads a session leads its group of processes too.
  expect(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(2, 4)).toEqual([
    String(pid),
    String(pid),
  ]);
  closeSync(output.write);
  const said = await text(new Socket({ fd: output.read, readable: true, writable: false }));
  expect(said).toBe(`${folder}\na b c d\n/dev/null\n0 1 2 SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n`);
  reap(pid);
  await expect.poll(() => existsSync(`/proc/${pid}`)).toBe(false);
  rmSync(folder, { recursive: true });
});

test('a program that there is none of is refused at once', () => {
  const start = { program: '/no/such', args: [], directory: '/', environment: {}, files: [] };
  expect(() => startProcess(start)).toThrow(
    expect.objectContaining({ syscall: 'posix_spawn', code: 'ENOENT' }) as Error,
  );
});
