/** The distribution protocol's manifests: which one fits this machine, and which blobs it names. */
import * as v from 'valibot';
import { EngineError } from '../../core/network/error.ts';
import { digest, readJson } from './config.ts';

const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** What a registry is told that we read. */
export const MANIFEST_ACCEPT = [...MANIFEST_TYPES, ...INDEX_TYPES].join(', ');

const LAYER_TYPES =
  /^application\/vnd\.(?:oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)(?:[.+](?:gzip|zstd))?$/;
const CONFIG_TYPES = /^application\/vnd\.(?:oci\.image\.config\.v1|docker\.container\.image\.v1)\+json$/;

const descriptor = v.object({
  mediaType: v.string(),
  digest,
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
});

const manifest = v.object({ config: descriptor, layers: v.array(descriptor) });

const index = v.object({
  manifests: v.array(
    v.object({
      ...descriptor.entries,
      annotations: v.optional(v.record(v.string(), v.string()), {}),
      platform: v.optional(v.object({ os: v.string(), architecture: v.string(), variant: v.optional(v.string(), '') })),
    }),
  ),
});

export type Descriptor = v.InferOutput<typeof descriptor>;
export type Manifest = v.InferOutput<typeof manifest>;
export type Index = v.InferOutput<typeof index>;

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** Empty: any. */
  readonly variant: string;
}

/** Reads a manifest or an index, whichever the media type (or, where that says nothing, the content) says. */
export function readManifest(content: Uint8Array, mediaType = ''): { manifest: Manifest } | { index: Index } {
  const fields = readJson(
    v.object({ mediaType: v.optional(v.string()), manifests: v.optional(v.unknown()), schemaVersion: v.number() }),
    content,
    'manifest',
  );
  const type = fields.mediaType ?? mediaType;
  if (fields.schemaVersion !== 2) {
    throw new EngineError(
      'not-implemented',
      `manifests of schema version ${fields.schemaVersion} are not read: the image must be pushed again by a newer client`,
    );
  }
  if (INDEX_TYPES.includes(type) || fields.manifests !== undefined)
    return { index: readJson(index, content, 'image index') };
  const read = readJson(manifest, content, 'manifest');
  const unreadable =
    (CONFIG_TYPES.test(read.config.mediaType) ? undefined : read.config) ??
    read.layers.find((layer) => !LAYER_TYPES.test(layer.mediaType));
  if (unreadable) {
    throw new EngineError(
      'invalid',
      `unsupported media type ${unreadable.mediaType} of ${unreadable.digest}: not an image for containers`,
    );
  }
  return { manifest: read };
}

/** The first manifest for the platform; one of the wanted variant goes before one that names none. */
export function choose(index: Index, wanted: Platform): Descriptor {
  const fitting = index.manifests.filter(
    ({ platform }) => platform?.os === wanted.os && platform.architecture === wanted.architecture,
  );
  const exact = fitting.find(({ platform }) => platform!.variant === wanted.variant);
  const loose = fitting.find(({ platform }) => wanted.variant === '' || platform!.variant === '');
  const chosen = exact ?? loose;
  if (chosen) return chosen;
  throw new EngineError('not-found', `no matching manifest for ${platformText(wanted)} in the manifest list entries`);
}

function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(Boolean).join('/');
}

/** Node's names of processors, and Go's, which registries use. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };
const VARIANTS: Readonly<Record<string, string>> = { arm: 'v7', arm64: 'v8' };
const SPELLINGS: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
};

/** The platform of a machine whose processor Node calls so. */
export function machinePlatform(arch: string): Platform {
  const architecture = ARCHITECTURES[arch] ?? arch;
  return { os: 'linux', architecture, variant: VARIANTS[architecture] ?? '' };
}

/** Reads `os[/architecture[/variant]]`; what it leaves out is the machine's. */
export function parsePlatform(text: string, machine: Platform): Platform {
  const parts = text.split('/').map((part) => part.toLowerCase());
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw new EngineError('invalid', `"${text}": cannot parse platform specifier: invalid argument`);
  }
  const [os, spelled, variant] = parts;
  if (spelled === undefined) return os === machine.os ? machine : { ...machine, os: os! };
  const architecture = SPELLINGS[spelled] ?? spelled;
  return { os: os!, architecture, variant: variant ?? VARIANTS[architecture] ?? '' };
}
