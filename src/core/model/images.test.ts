import { expect, test } from 'vitest';
import { ManualClock } from './clock.ts';
import { ModelImages } from './images.ts';

async function pulled(images: ModelImages, name: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const { status = '' } of images.pull(name)) lines.push(status);
  return lines;
}

test('every name can be pulled, and what comes says that it is simulated', async () => {
  const images = new ModelImages(new ManualClock(), 'arm64');
  await expect(images.find('web:2')).rejects.toThrow('No such image: web:2');
  expect(await pulled(images, 'web:2')).toEqual([
    'Simulating library/web: nothing is fetched',
    'Status: Made a simulated image for web:2',
  ]);
  expect((await pulled(images, 'docker.io/library/web:2')).at(-1)).toBe('Status: There is a simulated image for web:2');
  expect(await images.inspect('web:2')).toMatchObject({
    repoTags: ['web:2'],
    architecture: 'arm64',
    size: 0,
    comment: expect.stringContaining('simulated') as string,
    config: { Cmd: ['simulated'] },
  });
  await pulled(images, 'busybox');
  expect((await images.find('busybox')).config).toEqual({ Cmd: ['sh'] });
  expect(images.list().map(({ repoTags }) => repoTags)).toEqual([['busybox:latest'], ['web:2']]);
  expect(await images.history('busybox')).toMatchObject([{ tags: ['busybox:latest'], size: 0 }]);
});

test('names are given and taken, and the image goes with the last one', async () => {
  const images = new ModelImages(new ManualClock());
  await pulled(images, 'web:2');
  const { id } = await images.find('web:2');
  await images.tag('web:2', 'shop', '1');
  const user = { id: 'c'.repeat(64), imageId: id, running: false };
  await expect(images.remove(id, { force: false }, [user])).rejects.toThrow('must be forced');
  expect(await images.remove('web:2', { force: false }, [])).toEqual([{ Untagged: 'web:2' }]);
  expect(await images.remove('shop:1', { force: false }, [])).toEqual([{ Untagged: 'shop:1' }, { Deleted: id }]);
  await pulled(images, 'web:2');
  const filter = { dangling: false, labels: [], withoutLabels: [] };
  const one = await images.find('web:2');
  expect((await images.prune(filter, [{ ...user, imageId: one.id }])).removed).toEqual([]);
  expect((await images.prune(filter, [])).removed).toEqual([{ Untagged: 'web:2' }, { Deleted: one.id }]);
});

test('there are no files to load or save', async () => {
  const images = new ModelImages(new ManualClock());
  const [loading] = [images.load()[Symbol.asyncIterator]()];
  await expect(loading.next()).rejects.toThrow('simulated images have no files');
  await expect(images.save()).rejects.toThrow('docker pull NAME');
});
