import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readlink, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeBusyboxArchive, writeRegistryArchive } from '../../scripts/images.ts';
import type { ImageStore } from '../../src/containers/images/store.ts';
import { setExtendedAttribute } from '../../src/linux/mount.ts';
import { all, Place, readText, run, sha256, streamOf, tarOf, type Member } from './images-fixture.ts';

const EMPTY = { layers: 0, configs: 0, work: 0 };

let place: Place;
let store: ImageStore;

beforeEach(async () => {
  place = await Place.make();
  store = await place.open();
});
afterEach(() => place.remove());

/** Imports a root tarball and gives its only layer's folder. */
async function importOf(members: readonly Member[]): Promise<string> {
  await all(store.import(streamOf(await tarOf(members)), { repository: 'made' }));
  return store.layers((await store.find('made')).id)[0]!;
}

describe('import', () => {
  test('of a busybox root makes an image that runs', async () => {
    const root = place.path('root');
    await mkdir(join(root, 'bin'), { recursive: true });
    await run('cp', ['/bin/busybox', join(root, 'bin/busybox')]);
    await run('ln', ['-s', 'busybox', join(root, 'bin/sh')]);
    await run('tar', ['-czf', place.path('root.tar.gz'), '-C', root, '.']);
    const changes = ['CMD ["sh"]', 'ENV GREETING=hello'];
    const messages = await all(
      store.import(createReadStream(place.path('root.tar.gz')), { repository: 'busybox', tag: '1', changes }),
    );

    const { id, config } = await store.find('busybox:1');
    expect(messages).toEqual([{ status: id }]);
    expect(config).toEqual({ Cmd: ['sh'], Env: ['GREETING=hello'] });
    expect(await store.inspect(id.slice(7, 19))).toMatchObject({
      repoTags: ['busybox:1'],
      os: 'linux',
      comment: 'Imported from -',
    });
    const { stdout } = await place.seen(store.layers(id), (merged) =>
      run('chroot', [merged, '/bin/sh', '-c', 'echo $((6 * 7))']),
    );
    expect(stdout).toBe('42\n');
  });

  test('keeps owners, modes, times, links, devices, pipes and odd names', async () => {
    const time = new Date('2001-02-03T04:05:06Z');
    const layer = await importOf([
      { name: './', type: 'directory', mode: 0o711 },
      { name: 'd', type: 'directory', mode: 0o3771, uid: 5, gid: 6, mtime: time },
      { name: 'd/f', mode: 0o4755, uid: 1000, gid: 1001, mtime: time, content: 'text' },
      { name: 'd/hard', type: 'link', linkname: 'd/f' },
      { name: 'd/soft', type: 'symlink', linkname: '/else/where', uid: 7, gid: 8, mtime: time },
      { name: 'd/null', type: 'character-device', devmajor: 1, devminor: 3, mode: 0o666 },
      { name: 'd/disk', type: 'block-device', devmajor: 259, devminor: 300, mode: 0o660 },
      { name: 'd/pipe', type: 'fifo', mode: 0o600 },
      { name: 'd/\u00e4 b\n', content: '' },
    ]);
    expect((await stat(layer)).mode & 0o7777).toBe(0o711);
    expect(await lstat(join(layer, 'd'))).toMatchObject({ mode: 0o043771, uid: 5, gid: 6, mtime: time });
    const file = await lstat(join(layer, 'd/f'));
    expect(file).toMatchObject({ mode: 0o104755, uid: 1000, gid: 1001, mtime: time, nlink: 2 });
    expect((await lstat(join(layer, 'd/hard'))).ino).toBe(file.ino);
    expect(await lstat(join(layer, 'd/soft'))).toMatchObject({ uid: 7, gid: 8, mtime: time });
    expect(await readlink(join(layer, 'd/soft'))).toBe('/else/where');
    const { stdout } = await run('stat', ['-c', '%n %F %Hr,%Lr %a', 'null', 'disk', 'pipe'], { cwd: join(layer, 'd') });
    expect(stdout.trim().split('\n')).toEqual([
      'null character special file 1,3 666',
      'disk block special file 259,300 660',
      'pipe fifo 0,0 600',
    ]);
    expect(await readdir(join(layer, 'd'))).toContain('\u00e4 b\n');
    expect((await store.inspect('made')).size).toBe('text'.length + '/else/where'.length);
  });

  test('keeps capabilities, and drops attributes that would speak to overlayfs', async () => {
    const file = place.path('file');
    // VFS_CAP_REVISION_2, effective: CAP_NET_RAW and another; bytes that are no UTF-8.
    const capability = Buffer.from('0100000200200080000000000000000000000000'.slice(0, 40), 'hex');
    await writeFile(file, '');
    setExtendedAttribute(file, 'security.capability', capability);
    setExtendedAttribute(file, 'trusted.overlay.redirect', Buffer.from('/etc'));
    const pack = ['--xattrs', '--xattrs-include=*', '-cf'];
    await run('tar', [...pack, place.path('x.tar'), '-C', place.folder, 'file']);
    await all(store.import(createReadStream(place.path('x.tar')), { repository: 'made' }));

    const [layer] = store.layers((await store.find('made')).id);
    const { stdout } = await run('tar', [...pack, '-', '-C', layer!, 'file'], { encoding: 'buffer' });
    expect(stdout.includes(Buffer.concat([Buffer.from('SCHILY.xattr.security.capability='), capability]))).toBe(true);
    expect(stdout.includes('trusted.overlay')).toBe(false);
  });

  test('of the same root twice shares the layer', async () => {
    const archive = await tarOf([{ name: 'f', content: 'x' }]);
    await Promise.all([
      all(store.import(streamOf(archive), { repository: 'one', changes: ['USER a'] })),
      all(store.import(streamOf(archive), { repository: 'two', changes: ['USER b'] })),
    ]);
    expect(await place.census()).toEqual({ layers: 1, configs: 2, work: 0 });
  });

  test.each([
    ['no tar', Buffer.from('garbage'), 'cannot unpack the layer: tar: This does not look like a tar archive'],
    ['a cut-off tar', gzipSync(Buffer.alloc(9000)).subarray(0, 30), 'unexpected end of file'],
  ])('of %s leaves nothing', async (_, content, message) => {
    await expect(all(store.import(streamOf(content)))).rejects.toThrow(message);
    expect(await place.census()).toEqual(EMPTY);
  });
});

describe('a malicious archive writes nothing outside', () => {
  test.each<[string, (outside: string) => Member[]]>([
    ['by ..', () => [{ name: '../evil', content: 'x' }]],
    ['by .. on the way', () => [{ name: 'd/../../evil', content: 'x' }]],
    [
      'through an absolute symlink',
      (outside) => [
        { name: 'l', type: 'symlink', linkname: outside },
        { name: 'l/evil', content: 'x' },
      ],
    ],
    [
      'through a symlink of ..',
      () => [
        { name: 'l', type: 'symlink', linkname: '../../../../..' },
        { name: 'l/evil', content: 'x' },
      ],
    ],
    [
      'through two symlinks',
      () => [
        { name: 'd', type: 'directory' },
        { name: 'd/up', type: 'symlink', linkname: '..' },
        { name: 'l', type: 'symlink', linkname: 'd/up/..' },
        { name: 'l/evil', content: 'x' },
      ],
    ],
    [
      'over a symlink to a file',
      (outside) => [
        { name: 'l', type: 'symlink', linkname: `${outside}/victim` },
        { name: 'l', content: 'x' },
      ],
    ],
    [
      'over a hard link to a file',
      (outside) => [
        { name: 'l', type: 'link', linkname: `${outside}/victim` },
        { name: 'l', content: 'x' },
      ],
    ],
    [
      'over a hard link by ..',
      () => [
        { name: 'l', type: 'link', linkname: '../../../../victim' },
        { name: 'l', content: 'x' },
      ],
    ],
    [
      'by a folder that becomes a symlink',
      (outside) => [
        { name: 'd', type: 'directory' },
        { name: 'd', type: 'symlink', linkname: outside },
        { name: 'd/evil', content: 'x' },
      ],
    ],
    [
      'by a root that is a symlink',
      (outside) => [
        { name: '.', type: 'symlink', linkname: outside },
        { name: './evil', content: 'x' },
      ],
    ],
    ['by a whiteout of ..', () => [{ name: '.wh...', content: '' }]],
    ['by a whiteout of nothing', () => [{ name: 'd/.wh.', content: '' }]],
    [
      'by a mode change through a symlink',
      (outside) => [
        { name: 'l', type: 'symlink', linkname: outside },
        { name: 'l', type: 'directory', mode: 0o777 },
      ],
    ],
  ])('%s', async (_, members) => {
    const outside = place.path('outside');
    await mkdir(outside, { mode: 0o700 });
    await writeFile(join(outside, 'victim'), 'safe');
    await writeFile(place.path('victim'), 'safe');
    // Some are refused and some unpacked inside; either is right.
    await all(store.import(streamOf(await tarOf(members(outside))))).catch(() => undefined);
    expect(await readdir(outside)).toEqual(['victim']);
    expect(await readText(join(outside, 'victim'))).toBe('safe');
    expect(await readText(place.path('victim'))).toBe('safe');
    expect((await stat(outside)).mode & 0o777).toBe(0o700);
    expect(await readdir(place.folder)).toEqual(['images', 'outside', 'victim']);
    expect((await readdir(place.root)).toSorted()).toEqual(['configs', 'layers', 'retired', 'work']);
  });

  test('an absolute name lands inside', async () => {
    const layer = await importOf([{ name: place.path('evil'), content: 'x' }]);
    expect(existsSync(place.path('evil'))).toBe(false);
    expect(await readText(join(layer, place.path('evil')))).toBe('x');
  });
});

/** Loads an image of these layers, lowest first. */
async function loadLayers(...layers: readonly (readonly Member[])[]): Promise<readonly string[]> {
  const archives = await Promise.all(layers.map(tarOf));
  const rootfs = { type: 'layers', diff_ids: archives.map(sha256) };
  const manifest = [{ Config: 'c.json', RepoTags: ['made:1'], Layers: archives.map((_, index) => `${index}.tar`) }];
  const outer = await tarOf([
    { name: 'c.json', content: JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs }) },
    { name: 'manifest.json', content: JSON.stringify(manifest) },
    ...archives.map((archive, index) => ({ name: `${index}.tar`, content: archive.toString('latin1') })),
  ]);
  await all(store.load(streamOf(outer)));
  return store.layers((await store.find('made:1')).id);
}

test('whiteouts hide what lies below, and only that', async () => {
  const folder = (name: string): Member => ({ name, type: 'directory' });
  const time = new Date('2001-02-03T04:05:06Z');
  const layers = await loadLayers(
    [
      { name: 'gone', content: 'old' },
      { name: 'kept', content: 'old' },
      folder('opaque'),
      { name: 'opaque/old', content: 'old' },
      folder('tree'),
      { name: 'tree/old', content: 'old' },
      folder('anew'),
      { name: 'anew/old', content: 'old' },
      { name: 'same', content: 'old' },
    ],
    [
      { name: '.wh.gone', content: '' },
      { ...folder('opaque'), mtime: time },
      { name: 'opaque/.wh..wh..opq', content: '' },
      { name: 'opaque/new', content: 'new' },
      { name: '.wh.tree', content: '' },
      { name: '.wh.anew', content: '' },
      folder('anew'),
      { name: 'anew/new', content: 'new' },
      { name: '.wh.same', content: '' },
      { name: 'same', content: 'new' },
      { name: '.wh..wh.aufs', content: '' },
      { name: '.wh.never', content: '' },
    ],
  );
  await place.seen(layers, async (root) => {
    expect(await readdir(root)).toEqual(['anew', 'kept', 'opaque', 'same']);
    expect(await readdir(join(root, 'opaque'))).toEqual(['new']);
    expect(await readdir(join(root, 'anew'))).toEqual(['new']);
    expect(await readText(join(root, 'same'))).toBe('new');
    expect((await stat(join(root, 'opaque'))).mtime).toEqual(time);
  });
});

describe('archives', () => {
  test('load and save, over and over, are the same image', async () => {
    await writeRegistryArchive(place.path('registry.tar'));
    const messages = await all(store.load(createReadStream(place.path('registry.tar'))));
    expect(messages[0]).toMatchObject({ status: 'Loading layer', id: expect.stringMatching(/^[0-9a-f]{12}$/) });
    expect(messages.at(-1)).toEqual({ stream: 'Loaded image: registry:2.7.1\n' });
    const view = await store.inspect('registry:2.7.1');
    expect(view.config).toMatchObject({ Entrypoint: ['docker-registry', 'serve'], ExposedPorts: { '5000/tcp': {} } });
    expect(view.repoTags).toEqual(['registry:2.7.1']);

    await pipeline(await store.save(['docker.io/library/registry:2.7.1']), createWriteStream(place.path('saved.tar')));
    const { stdout } = await run('skopeo', ['inspect', `docker-archive:${place.path('saved.tar')}`]);
    expect(JSON.parse(stdout)).toMatchObject({ Architecture: view.architecture, Layers: view.diffIds });

    await store.remove('registry:2.7.1', { force: false }, []);
    expect(await place.census()).toEqual(EMPTY);
    await all(store.load(createReadStream(place.path('saved.tar'))));
    expect({ ...(await store.inspect('registry:2.7.1')), lastTagged: '' }).toEqual({ ...view, lastTagged: '' });
    expect(await place.census()).toEqual({ layers: 2, configs: 1, work: 0 });
  });

  test('by skopeo: docker archives and OCI layouts, also compressed', async () => {
    await writeBusyboxArchive(place.path('busybox.tar'));
    const from = `docker-archive:${place.path('busybox.tar')}`;
    await run('skopeo', ['copy', from, `oci-archive:${place.path('oci.tar')}:made:oci`]);
    await run('skopeo', ['copy', from, `docker-archive:${place.path('docker.tar')}:made:docker`]);
    await run('gzip', [place.path('docker.tar')]);
    expect((await all(store.load(createReadStream(place.path('oci.tar'))))).at(-1)).toEqual({
      stream: 'Loaded image: made:oci\n',
    });
    expect((await all(store.load(createReadStream(place.path('docker.tar.gz'))))).at(-1)).toEqual({
      stream: 'Loaded image: made:docker\n',
    });
    // skopeo writes the configuration anew; the layer is the same one.
    const [oci, docker] = [await store.inspect('made:oci'), await store.inspect('made:docker')];
    expect(oci.diffIds).toEqual(docker.diffIds);
    expect((await place.census()).layers).toBe(1);
  });

  test('several images in one, a repository for all its tags, an id for none', async () => {
    await importOf([{ name: 'f', content: 'one' }]);
    await store.tag('made', 'made', '2');
    await all(store.import(streamOf(await tarOf([{ name: 'f', content: 'two' }])), { repository: 'other' }));
    const other = await store.find('other');
    await pipeline(await store.save(['made', other.id]), createWriteStream(place.path('both.tar')));
    const again = await Place.make();
    try {
      const copy = await again.open();
      const messages = await all(copy.load(createReadStream(place.path('both.tar'))));
      expect(messages.flatMap(({ stream }) => stream ?? [])).toEqual([
        'Loaded image: made:2\n',
        'Loaded image: made:latest\n',
        `Loaded image ID: ${other.id}\n`,
      ]);
    } finally {
      await again.remove();
    }
  });

  test('a layer that is not what the configuration says is refused, and nothing stays', async () => {
    const layer = await tarOf([{ name: 'f', content: 'x' }]);
    const rootfs = { type: 'layers', diff_ids: [sha256('another')] };
    const archive = await tarOf([
      { name: 'c.json', content: JSON.stringify({ os: 'linux', rootfs }) },
      { name: 'l.tar', content: layer.toString('latin1') },
      { name: 'manifest.json', content: JSON.stringify([{ Config: 'c.json', RepoTags: ['x:1'], Layers: ['l.tar'] }]) },
    ]);
    await expect(all(store.load(streamOf(archive)))).rejects.toThrow(/invalid diffID for layer: expected "sha256:/);
    expect(await place.census()).toEqual(EMPTY);
  });

  test.each([
    [
      'a member that is not there',
      [{ name: 'manifest.json', content: '[{"Config":"../../etc/passwd","Layers":[]}]' }],
      'names "../../etc/passwd" and does not hold it',
    ],
    ['nothing known', [{ name: 'x', content: '' }], 'not an image archive'],
    ['a wrong manifest', [{ name: 'manifest.json', content: '[{"Config":1}]' }], 'manifest.json is wrong at 0.Config'],
  ])('with %s are refused', async (_, members, message) => {
    await expect(all(store.load(streamOf(await tarOf(members))))).rejects.toThrow(message);
    expect(await place.census()).toEqual(EMPTY);
  });

  test('to save what is not there is refused before anything is written', async () => {
    await expect(store.save(['made', 'nosuch'])).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('removal', () => {
  const options = { force: false };
  const forced = { force: true };
  const container = (imageId: string, running: boolean) => ({ id: 'c'.repeat(64), imageId, running });

  test('takes names one by one, the image and its layers with the last', async () => {
    await importOf([{ name: 'f', content: 'x' }]);
    await store.tag('made', 'localhost:5000/x/y', '1');
    const { id, diffIds } = await store.inspect('made');
    expect(await store.remove('made', options, [])).toEqual([{ Untagged: 'made:latest' }]);
    expect(await store.remove(id.slice(7, 15), options, [])).toEqual([
      { Untagged: 'localhost:5000/x/y:1' },
      { Deleted: id },
      { Deleted: diffIds[0] },
    ]);
    expect(await place.census()).toEqual(EMPTY);
    await expect(store.find('made')).rejects.toMatchObject({
      code: 'not-found',
      message: 'No such image: made:latest',
    });
  });

  test('by force under a stopped container leaves it its layers, until it is gone', async () => {
    const layer = await importOf([{ name: 'f', content: 'x' }]);
    const { id } = await store.find('made');
    await expect(store.remove('made', options, [container(id, false)])).rejects.toMatchObject({ code: 'conflict' });
    expect(await store.remove('made', forced, [container(id, false)])).toEqual([
      { Untagged: 'made:latest' },
      { Deleted: id },
    ]);
    expect(store.list()).toEqual([]);
    const again = await place.open();
    expect(again.layers(id)).toEqual([layer]);
    expect(await readText(join(layer, 'f'))).toBe('x');
    const { reclaimed } = await again.prune({ dangling: true, labels: [], withoutLabels: [] }, []);
    expect(reclaimed).toBe(1);
    expect(existsSync(layer)).toBe(false);
    expect(await readdir(join(place.root, 'retired'))).toEqual([]);
  });

  test('by force under a running container takes the name only', async () => {
    await importOf([{ name: 'f', content: 'x' }]);
    const { id } = await store.find('made');
    expect(await store.remove('made', forced, [container(id, true)])).toEqual([{ Untagged: 'made:latest' }]);
    await expect(store.remove(id, forced, [container(id, true)])).rejects.toThrow('cannot be forced');
  });

  test('prune takes the nameless, or all that nobody uses', async () => {
    const filter = { labels: [], withoutLabels: [] };
    await importOf([{ name: 'f', content: 'x' }]);
    const first = await store.find('made');
    await importOf([{ name: 'f', content: 'yy' }]);
    const second = await store.find('made');
    await all(store.import(streamOf(await tarOf([])), { repository: 'labelled', changes: ['LABEL keep=yes'] }));
    expect((await store.prune({ ...filter, dangling: true }, [])).removed[0]).toEqual({ Deleted: first.id });
    const pruned = await store.prune({ dangling: false, labels: [], withoutLabels: ['keep=yes'] }, []);
    expect(pruned.removed.slice(0, 2)).toEqual([{ Untagged: 'made:latest' }, { Deleted: second.id }]);
    expect(pruned.reclaimed).toBe(2);
    expect(store.list().map(({ repoTags }) => repoTags)).toEqual([['labelled:latest']]);
  });

  test('a name that moves leaves the old image nameless', async () => {
    await importOf([{ name: 'f', content: 'x' }]);
    const { id } = await store.find('made');
    await importOf([{ name: 'f', content: 'y' }]);
    expect((await store.inspect(id)).repoTags).toEqual([]);
    expect(store.list()).toHaveLength(2);
  });
});

test('killed at any moment, the store opens with whole images and nothing half done', async () => {
  await writeBusyboxArchive(place.path('busybox.tar'));
  const script = place.path('churn.mjs');
  const from = dirname(fileURLToPath(import.meta.url));
  await build({
    stdin: {
      contents: `
        import { createReadStream } from 'node:fs';
        import { ImageStore } from '../../src/containers/images/store.ts';
        const [root, archive] = process.argv.slice(2);
        const store = await ImageStore.open(root);
        for (;;) {
          for await (const _ of store.load(createReadStream(archive)));
          console.log('loaded');
          await store.remove('busybox:1.36', { force: false }, []);
        }`,
      resolveDir: from,
      loader: 'ts',
    },
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    // tar-stream asks for Node's modules by require.
    banner: {
      js:
        "import { createRequire } from 'node:module'; const require = createRequire(" +
        JSON.stringify(import.meta.url) +
        ');',
    },
    logLevel: 'error',
  });
  await run('ln', ['-s', join(from, '../../node_modules'), place.path('node_modules')]);
  for (const delay of [0, 7, 15, 24, 36, 50, 70]) {
    const child = spawn(process.execPath, [script, place.root, place.path('busybox.tar')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await sleep(delay);
    child.kill('SIGKILL');
    await once(child, 'close');

    const reopened = await place.open();
    const images = reopened.list();
    expect(await place.census()).toEqual({ layers: images.length, configs: images.length, work: 0 });
    for (const { id } of images) {
      const [layer] = reopened.layers(id);
      expect(await readlink(join(layer!, 'bin/sh'))).toBe('busybox');
      await pipeline(await reopened.save([id]), createWriteStream('/dev/null'));
    }
  }
}, 60_000);
