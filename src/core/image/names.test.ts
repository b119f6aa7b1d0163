import { expect, test } from 'vitest';
import { ImageNames } from './names.ts';
import { familiar, parseReference } from './reference.ts';

const A = `sha256:aa${'1'.repeat(62)}`;
const B = `sha256:ab${'2'.repeat(62)}`;
const BOTH = new Set([A, B]);
const AT = '2024-01-01T00:00:00Z';
const name = (text: string) => parseReference(text);

test('a name means the image that it was given to last; a change leaves the value before as it was', () => {
  const before = new ImageNames().with(A, [name('web:1'), name('web')], AT);
  const after = before.with(B, [name('web:1')], AT);
  expect(before.lookup(name('web:1'))).toBe(A);
  expect(after.lookup(name('web:1'))).toBe(B);
  expect(after.with(B, [name('docker.io/library/web:1')], AT)).toBe(after);
  expect(after.of(A).map(({ reference }) => familiar(reference))).toEqual(['web:latest']);
  expect(after.tags(name('web')).map(familiar).sort()).toEqual(['web:1', 'web:latest']);
  expect(after.without([name('web:1')]).lookup(name('web:1'))).toBeUndefined();
});

test.each([
  ['web', A],
  ['web:1', B],
  ['aa', A],
  [A, A],
  [B.slice('sha256:'.length), B],
])('%s is found', (text, id) => {
  const names = new ImageNames().with(A, [name('web')], AT).with(B, [name('web:1')], AT);
  expect(names.find(text, BOTH)).toBe(id);
});

test('what no image or more than one answers to is refused in Docker’s words', () => {
  const names = new ImageNames().with(A, [name('web')], AT);
  expect(() => names.find('a', BOTH)).toThrow('No such image: a:latest');
  expect(() => names.find('web', new Set([B]))).toThrow('No such image: web:latest');
  expect(() => names.find(`sha256:${'3'.repeat(64)}`, BOTH)).toThrow('No such image: sha256:333');
});
