import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bindMount, makeNode, mountOverlay, setExtendedAttribute, unmount } from '../../src/linux/mount.ts';

// A filesystem of its own: an overlay's upper layer may not lie on another overlay.
const root = mkdtempSync('/tmp/c-mount-');
execFileSync('mount', ['-t', 'tmpfs', 'c-mount', root]);
afterAll(() => {
  execFileSync('umount', [root]);
  rmSync(root, { recursive: true });
});

const folder = (name: string) => {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  return path;
};
const overlay = (count: number, prefix: string) => ({
  lower: Array.from({ length: count }, (_, layer) => {
    const path = folder(join(prefix, `${layer}-${'x'.repeat(80)}`));
    writeFileSync(join(path, 'top'), String(layer));
    writeFileSync(join(path, `only-${layer}`), '');
    return path;
  }),
  upper: folder(`${prefix}/upper`),
  work: folder(`${prefix}/work`),
});

test.each([
  { name: 'few layers', count: 2, prefix: 'few' },
  { name: 'more layers than fit a page of options', count: 100, prefix: 'many' },
  { name: 'paths with the characters that options are parted by', count: 2, prefix: 'a,b:c\\d' },
])('overlay: $name', ({ count, prefix }) => {
  const layers = overlay(count, prefix);
  const target = folder(`${prefix}/target`);
  mountOverlay(target, layers);
  expect(readFileSync(join(target, 'top'), 'utf8')).toBe('0');
  expect(existsSync(join(target, `only-${count - 1}`))).toBe(true);
  writeFileSync(join(target, 'new'), '');
  expect(existsSync(join(layers.upper, 'new'))).toBe(true);
  unmount(target);
  expect(existsSync(join(target, 'top'))).toBe(false);
  unmount(target);
  unmount(join(root, 'missing'));
});

test('whiteouts and opaque folders hide what lies below', () => {
  const layers = overlay(1, 'hide');
  const [lower] = layers.lower;
  writeFileSync(join(folder(`${lower!.slice(root.length)}/dir`), 'below'), '');
  makeNode(join(layers.upper, 'top'), 'character', 0);
  const opaque = folder('hide/upper/dir');
  setExtendedAttribute(opaque, 'trusted.overlay.opaque', new TextEncoder().encode('y'));
  const target = folder('hide/target');
  mountOverlay(target, layers);
  try {
    expect(existsSync(join(target, 'top'))).toBe(false);
    expect(existsSync(join(target, 'dir'))).toBe(true);
    expect(existsSync(join(target, 'dir', 'below'))).toBe(false);
  } finally {
    unmount(target);
  }
});

test('device numbers beyond a byte are packed as the system reads them', () => {
  const path = join(root, 'node');
  makeNode(path, 'block', 0o640, { major: 259, minor: 70_000 });
  expect(execFileSync('stat', ['-c', '%t %T %a %F', path], { encoding: 'utf8' }).trim()).toBe(
    '103 11170 640 block special file',
  );
});

test('a read-only bind, and a busy mount that goes with its last user', () => {
  const source = folder('bind/source');
  const target = folder('bind/target');
  writeFileSync(join(source, 'file'), 'here');
  bindMount(source, target, { readOnly: true });
  expect(readFileSync(join(target, 'file'), 'utf8')).toBe('here');
  expect(() => writeFileSync(join(target, 'file'), '')).toThrow('EROFS');
  const user = openSync(join(target, 'file'), 'r');
  const mounted = statSync(target).ino;
  unmount(target);
  expect(statSync(target).ino).not.toBe(mounted);
  closeSync(user);
});
