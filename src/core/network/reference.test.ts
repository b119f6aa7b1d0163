import { describe, expect, test } from 'vitest';
import { resolveReference } from './reference.ts';

const rows = [
  { id: 'aaaa1111', name: 'web' },
  { id: 'aaaa2222', name: 'aaaa1111' },
  { id: 'bbbb3333', name: 'aaaa' },
  { id: 'cccc4444', name: 'twin' },
  { id: 'cccd5555', name: 'twin' },
];

describe('a reference is', () => {
  test.each([
    ['a full id, before a name', 'aaaa1111', 'aaaa1111'],
    ['a name, before an id prefix', 'aaaa', 'bbbb3333'],
    ['a unique id prefix', 'b', 'bbbb3333'],
    ['a name', 'web', 'aaaa1111'],
  ])('%s', (_, ref, id) => expect(resolveReference('network', rows, ref).id).toBe(id));

  test('a container’s name with a slash before it', () => {
    expect(resolveReference('container', rows, '/web').id).toBe('aaaa1111');
    expect(() => resolveReference('network', rows, '/web')).toThrow('network /web not found');
  });
});

test.each([
  ['network', 'x', 'not-found', 'network x not found'],
  ['network', '', 'not-found', 'network  not found'],
  ['network', 'twin', 'invalid', 'network twin is ambiguous (2 matches found on name)'],
  ['network', 'ccc', 'invalid', 'network ccc is ambiguous (2 matches found based on ID prefix)'],
  ['container', 'x', 'not-found', 'No such container: x'],
  ['container', 'aaa', 'invalid', 'Multiple IDs found with provided prefix: aaa'],
] as const)('%s "%s" is %s: %s', (kind, ref, code, message) => {
  expect(() => resolveReference(kind, rows, ref)).toThrow(expect.objectContaining({ code, message }));
});
