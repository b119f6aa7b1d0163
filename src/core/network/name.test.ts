import { expect, test } from 'vitest';
import { checkContainerName, checkHostname, isLinkName } from './name.ts';

test.each([
  ['web', 'web'],
  ['/web', 'web'],
  ['tc-infra-base_tc-registry_1', 'tc-infra-base_tc-registry_1'],
  ['0.a', '0.a'],
])('%s is a container’s name', (name, bare) => expect(checkContainerName(name)).toBe(bare));

test.each(['', 'x', '-ab', '.ab', '_ab', 'a b', 'a/b', '//ab', 'ab\n', 'é1', 'a;b', '$(x)'])(
  '"%s" is no container’s name',
  (name) => {
    const message = `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`;
    expect(() => checkContainerName(name)).toThrow(expect.objectContaining({ code: 'invalid', message }));
  },
);

test.each(['web', 'web.example.org', 'a_b!', 'x'.repeat(64), ''])('"%s" will do for a hostname', (name) => {
  expect(checkHostname(name)).toBe(name);
});

test.each(['a b', 'a\nb', 'a\t', 'a\u0000', 'a#b', 'x'.repeat(65)])('%j will not do for a hostname', (name) => {
  expect(() => checkHostname(name)).toThrow(`invalid hostname: ${JSON.stringify(name)}`);
});

test.each([
  ['br-0123456789ab', true],
  ['br-0123456789abc', false],
  ['', false],
  ['.', false],
  ['..', false],
  ['a/b', false],
  ['a b', false],
  ['eth0:1', false],
  ['eth0.10', true],
  ['-eth0', false],
  ['!eth0', false],
  ['eth+', false],
  ['eth%d', false],
  ['"eth0"', false],
  ["eth'0", false],
  ['été', false],
])('"%s" is a link’s name: %s', (name, expected) => expect(isLinkName(name)).toBe(expected));
