import { expect, test } from 'vitest';
import { readChallenge } from './challenge.ts';
import { isInsecure } from './registry.ts';

test.each([
  ['Basic realm="basic-realm"', { scheme: 'basic', parameters: { realm: 'basic-realm' } }],
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    {
      scheme: 'bearer',
      parameters: {
        realm: 'https://auth.docker.io/token',
        service: 'registry.docker.io',
        scope: 'repository:a/b:pull,push',
      },
    },
  ],
  ['Basic realm="x", Bearer realm="https://y"', { scheme: 'bearer', parameters: { realm: 'https://y' } }],
  [
    'bearer REALM="a \\"b\\"", error=insufficient_scope',
    { scheme: 'bearer', parameters: { realm: 'a "b"', error: 'insufficient_scope' } },
  ],
  ['Negotiate', undefined],
  [undefined, undefined],
])('%s', (header, challenge) => {
  expect(readChallenge(header)).toEqual(challenge);
});

test.each([
  ['localhost:5000', [], true],
  ['127.0.0.1:5000', [], true],
  ['127.8.9.10', [], true],
  ['[::1]:5000', [], true],
  ['registry-1.docker.io', [], false],
  ['127.0.0.1.example.com', [], false],
  ['10.1.2.3:5000', [], false],
  ['10.1.2.3:5000', ['10.1.2.3:5000'], true],
  ['10.1.2.3:5000', ['10.1.0.0/16'], true],
  ['10.2.2.3:5000', ['10.1.0.0/16'], false],
  ['r.example.com', ['r.example.com'], true],
  ['r.example.com:5000', ['r.example.com'], false],
])('%s with insecure registries %j may be spoken to in the clear: %s', (host, list, insecure) => {
  expect(isInsecure(host, list)).toBe(insecure);
});
