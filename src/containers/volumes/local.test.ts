import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LocalVolumes } from './local.ts';

let root: string;
let volumes: LocalVolumes;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'volumes-'));
  volumes = await LocalVolumes.open(root);
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('a volume is a folder that anyone may enter, and stays over a new start', async () => {
  const made = await volumes.create({ name: 'data', labels: { a: 'b' } });
  expect(made).toMatchObject({ name: 'data', mountpoint: join(root, 'data/_data'), labels: { a: 'b' }, options: null });
  expect(made.anonymous).toBe(false);
  expect((await stat(made.mountpoint)).mode & 0o777).toBe(0o755);

  const again = await LocalVolumes.open(root);
  expect(await again.get('data')).toEqual(made);
  expect(await again.list()).toEqual([made]);
});

test('a volume that exists is given as it is', async () => {
  const made = await volumes.create({ name: 'data', labels: { a: 'b' } });
  await writeFile(join(made.mountpoint, 'file'), 'kept');
  expect(await volumes.create({ name: 'data', labels: { c: 'd' } })).toEqual(made);
  expect(await readdir(made.mountpoint)).toEqual(['file']);
});

test('many at once for one name make one', async () => {
  const made = await Promise.all(Array.from({ length: 8 }, () => volumes.create({ name: 'data' })));
  expect(new Set(made.map((volume) => volume.created)).size).toBe(1);
  expect(await readdir(root)).toEqual(['data']);
});

test('without a name it gets 64 hexadecimal digits, and is anonymous', async () => {
  const made = await volumes.create({ name: '' });
  expect(made.name).toMatch(/^[0-9a-f]{64}$/);
  expect(made.anonymous).toBe(true);
});

test('a removed volume takes its content along', async () => {
  const made = await volumes.create({ name: 'data' });
  await writeFile(join(made.mountpoint, 'file'), 'gone');
  await volumes.remove('data');
  expect(await volumes.get('data')).toBeUndefined();
  expect(await readdir(root)).toEqual([]);
  await expect(volumes.remove('data')).rejects.toMatchObject({
    code: 'not-found',
    message: 'get data: no such volume',
  });
});

test('what a crash left half made is removed at the next start', async () => {
  await mkdir(join(root, '.half-x7', '_data'), { recursive: true });
  expect(await (await LocalVolumes.open(root)).list()).toEqual([]);
  expect(await readdir(root)).toEqual([]);
});

const characters = 'includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed.';

test.each([
  ['a', 'create a: volume name is too short, names should be at least two alphanumeric characters'],
  ['..', `create ..: ".." ${characters}`],
  ['../etc', `create ../etc: "../etc" ${characters}`],
  ['/etc', `create /etc: "/etc" ${characters}`],
  ['.half-x', `create .half-x: ".half-x" ${characters}`],
  ['a b', `create a b: "a b" ${characters}`],
  ['a\nb', `create a\nb: "a\nb" ${characters}`],
])('the name %j is refused', async (name, message) => {
  await expect(volumes.create({ name })).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringContaining(message),
  });
  expect(await readdir(root)).toEqual([]);
});

test('options are refused, not ignored', async () => {
  const request = { name: 'data', options: { type: 'nfs' } };
  await expect(volumes.create(request)).rejects.toThrow('create data: invalid option: "type"');
});
