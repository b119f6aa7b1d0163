import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonical,
  canonicalName,
  familiar,
  familiarName,
  parseAny,
  parseReference,
  tagOf,
  withDefaultTag,
} from './reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('all spellings of a name mean the same', () => {
  test.each([
    ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['busybox:1', 'docker.io/library/busybox:1', 'busybox:1'],
    ['library/busybox:1', 'docker.io/library/busybox:1', 'busybox:1'],
    ['docker.io/busybox:1', 'docker.io/library/busybox:1', 'busybox:1'],
    ['docker.io/library/registry:2.7.1', 'docker.io/library/registry:2.7.1', 'registry:2.7.1'],
    ['index.docker.io/busybox:1', 'docker.io/library/busybox:1', 'busybox:1'],
    ['someone/thing', 'docker.io/someone/thing:latest', 'someone/thing:latest'],
    ['localhost/thing', 'localhost/thing:latest', 'localhost/thing:latest'],
    ['localhost:5000/thing:x', 'localhost:5000/thing:x', 'localhost:5000/thing:x'],
    ['quay.io/a/b/c:x', 'quay.io/a/b/c:x', 'quay.io/a/b/c:x'],
    ['10.0.0.1:5000/a', '10.0.0.1:5000/a:latest', '10.0.0.1:5000/a:latest'],
    ['[::1]:5000/a', '[::1]:5000/a:latest', '[::1]:5000/a:latest'],
    [`busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`, `busybox@${DIGEST}`],
    [`busybox:1@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`, `busybox:1@${DIGEST}`],
    ['a--b/c__d/e.f:V_1.x-y', 'docker.io/a--b/c__d/e.f:V_1.x-y', 'a--b/c__d/e.f:V_1.x-y'],
  ])('%s is kept as %s and shown as %s', (text, kept, shown) => {
    const reference = withDefaultTag(parseReference(text));
    expect(canonical(reference)).toBe(kept);
    expect(familiar(reference)).toBe(shown);
  });
});

describe('what is no name is refused in Docker’s words', () => {
  const malformed = 'invalid reference format';
  const upper = 'invalid reference format: repository name must be lowercase';
  test.each([
    ['', malformed],
    [':', malformed],
    ['a b', malformed],
    ['x:!', malformed],
    ['x:', malformed],
    [`x:${'t'.repeat(129)}`, malformed],
    ['a//b', malformed],
    ['a/', malformed],
    ['-a', malformed],
    ['a___b', malformed],
    ['a..b', malformed],
    ['a.-b', malformed],
    ['../a', malformed],
    ['x@sha256:zz', malformed],
    [`x@${DIGEST}@${DIGEST}`, malformed],
    ['http://a/b', malformed],
    ['-bad.host/a', malformed],
    ['busyBox', upper],
    ['UPPER/x', upper],
    ['a'.repeat(250), 'repository name must not be more than 255 characters'],
    ['0'.repeat(64), `invalid repository name (${'0'.repeat(64)}), cannot specify 64-byte hexadecimal strings`],
  ])('%j', (text, message) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'invalid', message }));
  });
});

test('a repository and its tag come apart or in one', () => {
  const reference = { domain: 'docker.io', path: 'library/a', tag: '1' };
  expect([tagOf('a', '1'), tagOf('a:1'), tagOf('a:2', '1')]).toEqual([reference, reference, reference]);
  expect(tagOf('a')).toEqual({ ...reference, tag: 'latest' });
  expect(() => tagOf('a', 'b!d')).toThrow('invalid tag format');
  expect(() => tagOf(`a@${DIGEST}`)).toThrow('refusing to create a tag with a digest reference');
});

test('64 hexadecimal digits are an id, with and without their algorithm', () => {
  expect(parseAny(DIGEST)).toEqual({ id: DIGEST });
  expect(parseAny(DIGEST.slice(7))).toEqual({ id: DIGEST });
  expect(parseAny('deadbeef')).toEqual({ name: { domain: 'docker.io', path: 'library/deadbeef' } });
});

test('what is shown is read back as the same', () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,8}([._-][a-z0-9]{1,8})?$/);
  const domain = fc.constantFrom('docker.io', 'localhost', 'localhost:5000', 'quay.io', 'r.example.com:443');
  const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/);
  fc.assert(
    fc.property(domain, path, tag, (domain, path, tag) => {
      const written = domain === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
      const reference = { domain, path: written, tag };
      expect(parseReference(familiar(reference))).toEqual(reference);
      expect(canonicalName(parseReference(familiarName(reference)))).toBe(`${domain}/${written}`);
    }),
  );
});

test('a long name takes no longer than its length', () => {
  const start = performance.now();
  expect(() => parseReference(`${'a-'.repeat(50_000)}!`)).toThrow('invalid reference format');
  expect(performance.now() - start).toBeLessThan(500);
});
