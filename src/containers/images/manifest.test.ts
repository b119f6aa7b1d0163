import { describe, expect, test } from 'vitest';
import { choose, machinePlatform, parsePlatform, readManifest, type Index } from './manifest.ts';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/** `linux/arm/v7` -> an entry of an index. */
function entry(platform: string, digit: string): Index['manifests'][number] {
  const [os = '', architecture = '', variant = ''] = platform.split('/');
  return {
    mediaType: manifestType,
    digest: digest(digit),
    size: 1,
    annotations: {},
    platform: { os, architecture, variant },
  };
}

describe('the manifest for a platform', () => {
  const index: Index = {
    manifests: [
      entry('unknown/unknown', '0'),
      entry('linux/amd64', '1'),
      entry('linux/arm/v6', '2'),
      entry('linux/arm/v7', '3'),
      entry('linux/arm64/v8', '4'),
      entry('windows/amd64', '5'),
      entry('linux/amd64', '6'),
      entry('linux/riscv64', '7'),
    ],
  };
  test.each([
    ['linux/amd64', '1'],
    ['linux/arm/v7', '3'],
    ['linux/arm/v6', '2'],
    ['linux/arm64', '4'],
    ['linux/arm64/v8', '4'],
    ['linux/aarch64', '4'],
    ['linux/x86_64', '1'],
    ['linux/riscv64', '7'],
    ['linux', '1'],
  ])('for %s it is number %s', (wanted, digit) => {
    expect(choose(index, parsePlatform(wanted, machinePlatform('x64'))).digest).toBe(digest(digit));
  });

  test('is missed in Docker’s words', () => {
    const wanted = parsePlatform('linux/s390x', machinePlatform('x64'));
    expect(() => choose(index, wanted)).toThrow('no matching manifest for linux/s390x in the manifest list entries');
  });
});

test.each([
  ['x64', { os: 'linux', architecture: 'amd64', variant: '' }],
  ['arm64', { os: 'linux', architecture: 'arm64', variant: 'v8' }],
  ['arm', { os: 'linux', architecture: 'arm', variant: 'v7' }],
  ['riscv64', { os: 'linux', architecture: 'riscv64', variant: '' }],
])('a machine that Node calls %s', (arch, platform) => {
  expect(machinePlatform(arch)).toEqual(platform);
});

test('a wrong platform is refused in Docker’s words', () => {
  expect(() => parsePlatform('foo/bar/baz/x', machinePlatform('x64'))).toThrow(
    '"foo/bar/baz/x": cannot parse platform specifier: invalid argument',
  );
});

describe('reading a manifest', () => {
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digest('a'), size: 3 };
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digest('b'), size: 4 };
  const read = (fields: object, mediaType?: string) =>
    readManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, ...fields })), mediaType);

  test('of OCI and of Docker', () => {
    expect(read({ mediaType: manifestType, config, layers: [layer] })).toEqual({
      manifest: { config, layers: [layer] },
    });
    const docker = {
      config: { ...config, mediaType: 'application/vnd.docker.container.image.v1+json' },
      layers: [{ ...layer, mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' }],
    };
    expect(read(docker, 'application/vnd.docker.distribution.manifest.v2+json')).toEqual({ manifest: docker });
  });

  test('an index is known by its type or its content', () => {
    const manifests = [{ mediaType: manifestType, digest: digest('c'), size: 5 }];
    const index = { index: { manifests: [{ ...manifests[0], annotations: {} }] } };
    expect(read({ manifests })).toEqual(index);
    expect(read({ manifests }, 'application/vnd.oci.image.index.v1+json')).toEqual(index);
  });

  test.each([
    ['not JSON', '{', 'manifest is not JSON'],
    [
      'a digest that is a path',
      { config: { ...config, digest: 'sha256:../../x' }, layers: [] },
      'wrong at config.digest',
    ],
    ['no layers', { config }, 'manifest is wrong at layers'],
    [
      'another artefact',
      { config: { ...config, mediaType: 'application/x' }, layers: [] },
      'unsupported media type application/x',
    ],
    [
      'a foreign layer',
      { config, layers: [{ ...layer, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }] },
      'unsupported media type',
    ],
    ['the first schema', { schemaVersion: 1, fsLayers: [] }, 'manifests of schema version 1 are not read'],
  ])('refuses %s', (_, content, message) => {
    const text = typeof content === 'string' ? content : JSON.stringify({ schemaVersion: 2, ...content });
    expect(() => readManifest(Buffer.from(text))).toThrow(message);
  });
});
