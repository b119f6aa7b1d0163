import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ContainerMount, ContainerRecord } from '../../core/container/container.ts';
import { ContainerArchives } from './archives.ts';

let base: string;
let root: string;
let archives: ContainerArchives;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'f-archive-'));
  root = join(base, 'root');
  mkdirSync(join(root, 'data/sub'), { recursive: true });
  writeFileSync(join(root, 'data/file'), 'content');
  writeFileSync(join(base, 'secret'), 'host');
  archives = new ContainerArchives({
    withRoot: (_, use) => use(root),
    layers: () => ({ upper: join(base, 'upper'), lower: [join(base, 'top'), join(base, 'bottom')] }),
  });
});

afterEach(() => rmSync(base, { recursive: true }));

function container(mounts: readonly Partial<ContainerMount>[] = [], readOnly = false): ContainerRecord {
  return {
    name: 'c1',
    state: { pid: 0 },
    hostConfig: { ReadonlyRootfs: readOnly },
    mounts,
  } as unknown as ContainerRecord;
}

async function names(content: AsyncIterable<Uint8Array>): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return execFileSync('tar', ['-t'], { input: Buffer.concat(chunks) })
    .toString()
    .split('\n')
    .filter(Boolean)
    .sort();
}

type Member = Parameters<ReturnType<typeof pack>['entry']>[0] & { readonly content?: string };

function archive(...members: readonly Member[]): AsyncIterable<Uint8Array> {
  const tar = pack();
  for (const { content, ...header } of members) tar.entry(header, content ?? '');
  tar.finalize();
  return tar as AsyncIterable<Uint8Array>;
}

const write = (path: string, members: readonly Member[], keepKinds = false): Promise<void> =>
  archives.write(container(), path, archive(...members), { keepKinds });

const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];

test('tells what a path is, without following it', async () => {
  symlinkSync('file', join(root, 'data/link'));
  expect(await archives.stat(container(), '/data/file')).toMatchObject({ name: 'file', size: 7, linkTarget: '' });
  expect((await archives.stat(container(), 'data')).mode).toBe(2 ** 31 + 0o755);
  expect(await archives.stat(container(), '/data/link')).toMatchObject({ name: 'link', linkTarget: '/data/file' });
  expect((await archives.stat(container(), '/')).name).toBe('/');
});

test.each(['/nope', '/data/file/x', '/data/nope/../../../secret'])('%s is not found', async (path) => {
  await expect(archives.stat(container(), path)).rejects.toThrow(`Could not find the file ${path} in container c1`);
});

test.each([
  ['/data/file', ['file']],
  ['/data', ['data/', 'data/file', 'data/sub/']],
  ['/data/.', ['./', './file', './sub/']],
])('packs %s', async (path, expected) => {
  expect(await names((await archives.read(container(), path)).content)).toEqual(expected);
});

test('a link that points out of the root leads to the same path within it', async () => {
  symlinkSync(base, join(root, 'out'));
  await expect(archives.read(container(), '/out/secret')).rejects.toThrow('Could not find the file');
  symlinkSync('../../../../data', join(root, 'up'));
  expect(await names((await archives.read(container(), '/up/file')).content)).toEqual(['file']);
});

test('unpacks files, folders and links with their modes, times and owners', async () => {
  const mtime = new Date('2020-01-02T03:04:05Z');
  await write('/data', [
    { name: 'new/', type: 'directory', mode: 0o700, mtime, uid, gid },
    { name: 'new/deep/file', mode: 0o4755, mtime, uid, gid, content: 'hello' },
    { name: 'new/link', type: 'symlink', linkname: '/etc/passwd', uid, gid },
    { name: 'new/hard', type: 'link', linkname: 'new/deep/file' },
    { name: 'new/fifo', type: 'fifo', mode: 0o644, uid, gid },
  ]);
  const at = (path: string): string => join(root, 'data/new', path);
  expect(readFileSync(at('deep/file'), 'utf8')).toBe('hello');
  expect(lstatSync(at('deep/file')).mode & 0o7777).toBe(0o4755);
  expect(lstatSync(at('deep/file')).mtime).toEqual(mtime);
  expect(lstatSync(at('.')).mtime).toEqual(mtime);
  expect(lstatSync(at('.')).mode & 0o7777).toBe(0o700);
  expect(readlinkSync(at('link'))).toBe('/etc/passwd');
  expect(lstatSync(at('hard')).ino).toBe(lstatSync(at('deep/file')).ino);
  expect(lstatSync(at('fifo')).isFIFO()).toBe(true);
});

test('nothing is written through a link of the container that points out', async () => {
  symlinkSync(base, join(root, 'data/out'));
  symlinkSync(join(base, 'secret'), join(root, 'data/alias'));
  // The folder is looked up within the root, where there is none of that name.
  await expect(write('/data', [{ name: 'out/evil', content: 'x', uid, gid }])).rejects.toThrow();
  await write('/data', [{ name: 'alias', content: 'mine', uid, gid }]);
  expect(readdirSync(base).sort()).toEqual(['root', 'secret']);
  expect(readFileSync(join(base, 'secret'), 'utf8')).toBe('host');
  expect(readFileSync(join(root, 'data/alias'), 'utf8')).toBe('mine');
});

test.each(['../evil', 'a/../../evil'])('the member %s is refused', async (name) => {
  await expect(write('/data', [{ name, content: 'x' }])).rejects.toThrow('leads out');
});

test('kinds are kept if that was asked for', async () => {
  await expect(write('/data', [{ name: 'sub', content: 'x', uid, gid }], true)).rejects.toThrow(
    'cannot overwrite directory',
  );
  await expect(write('/data', [{ name: 'file/', type: 'directory', uid, gid }], true)).rejects.toThrow(
    'cannot overwrite non-directory',
  );
  await write('/data', [{ name: 'sub', content: 'x', uid, gid }]);
  expect(readFileSync(join(root, 'data/sub'), 'utf8')).toBe('x');
});

test.each([
  ['/nope', 'Could not find the file /nope in container c1'],
  ['/data/file', 'extraction point is not a directory'],
])('nothing is unpacked in %s', async (path, message) => {
  await expect(write(path, [])).rejects.toThrow(message);
});

test('the mounts of a stopped container are looked into, and what is read-only stays', async () => {
  const source = join(base, 'volume');
  mkdirSync(source);
  const mounted = container([{ destination: '/data/sub', source, writable: true }]);
  await archives.write(mounted, '/data/sub', archive({ name: 'v', content: '1', uid, gid }), { keepKinds: false });
  expect(readdirSync(source)).toEqual(['v']);
  expect(await archives.stat(mounted, '/data/sub/v')).toMatchObject({ name: 'v', size: 1 });
  const frozen = container([{ destination: '/data', source, writable: false }]);
  const into = (target: ContainerRecord, path: string) => archives.write(target, path, archive(), { keepKinds: false });
  await expect(into(frozen, '/data')).rejects.toThrow('mounted volume is marked read-only');
  await expect(into(container([], true), '/data')).rejects.toThrow('container rootfs is marked read-only');
});

test('tells what differs from the image', async () => {
  mkdirSync(join(base, 'upper/etc'), { recursive: true });
  mkdirSync(join(base, 'top/bin'), { recursive: true });
  mkdirSync(join(base, 'bottom/etc'), { recursive: true });
  mkdirSync(join(base, 'upper/bin'));
  writeFileSync(join(base, 'upper/etc/hosts'), '');
  writeFileSync(join(base, 'upper/new'), '12345');
  writeFileSync(join(base, 'top/bin/sh'), '');
  writeFileSync(join(base, 'upper/bin/sh'), 'changed');
  expect(await archives.changes(container())).toEqual([
    { Path: '/bin', Kind: 0 },
    { Path: '/bin/sh', Kind: 0 },
    { Path: '/new', Kind: 1 },
  ]);
  expect(await archives.size(container())).toBe(12);
});
