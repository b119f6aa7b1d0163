import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostBytes, parseNetwork, printHost } from './inet.ts';

test.each([
  ['172.18.0.1', [172, 18, 0, 1]],
  ['fd00::1', [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
])('%s as bytes in network order', (text, bytes) => {
  expect([...hostBytes(text)]).toEqual(bytes);
  expect(printHost(hostBytes(text))).toBe(text);
});

test('all bytes are printed as text that reads as the same bytes', () => {
  const bytes = fc.oneof(...[4, 16].map((length) => fc.uint8Array({ minLength: length, maxLength: length })));
  fc.assert(
    fc.property(bytes, (host) => {
      expect([...hostBytes(printHost(host))]).toEqual([...host]);
    }),
  );
});

test('an address with its prefix length keeps its host bits', () => {
  expect(parseNetwork('172.18.0.1/16')).toEqual({ host: Uint8Array.of(172, 18, 0, 1), length: 16 });
});

test.each(['', '1.2.3', '010.0.0.1', 'fe80::1%eth0'])('%j is no address', (text) => {
  expect(() => hostBytes(text)).toThrow(TypeError);
});

test.each(['1.2.3.4', '1.2.3.4/33', '1.2.3.4/', 'default'])('%j is no address with its prefix length', (text) => {
  expect(() => parseNetwork(text)).toThrow(TypeError);
});
