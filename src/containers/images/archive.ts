/** Image archives, as `docker save` and OCI tools write them. */
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import * as v from 'valibot';
import { EngineError } from '../../core/network/error.ts';
import { decompressed } from './compression.ts';
import { readJson } from './config.ts';
import { digestOf, hexOf } from './digest.ts';
import type { LayerFile } from './layers.ts';
import { choose, readManifest, type Descriptor, type Index, type Platform } from './manifest.ts';
import { parseReference, withDefaultTag, type Reference } from '../../core/image/reference.ts';
import type { Workspace } from './workspace.ts';

/** One image of an archive. */
export interface ArchivedImage {
  readonly config: Uint8Array;
  /** Lowest first. */
  readonly layers: readonly LayerFile[];
  readonly names: readonly Reference[];
}

const dockerManifest = v.array(
  v.object({
    Config: v.string(),
    RepoTags: v.nullish(v.array(v.string()), []),
    Layers: v.nullish(v.array(v.string()), []),
  }),
);

/** Reads the whole archive into the workspace and gives its images, of which none is checked or unpacked yet. */
export async function readArchive(
  archive: AsyncIterable<Uint8Array>,
  workspace: Workspace,
  machine: Platform,
  signal: AbortSignal,
): Promise<ArchivedImage[]> {
  const files = await Files.read(archive, workspace, signal);
  if (files.has('manifest.json')) return readDockerArchive(files);
  if (files.has('index.json')) return readOciLayout(files, machine);
  throw new EngineError(
    'invalid',
    'not an image archive: it has neither manifest.json (docker save) nor index.json (OCI)',
  );
}

async function readDockerArchive(files: Files): Promise<ArchivedImage[]> {
  const manifest = readJson(dockerManifest, await files.content('manifest.json'), 'manifest.json');
  return Promise.all(
    manifest.map(async (image) => ({
      config: await files.content(image.Config),
      layers: image.Layers.map((name) => files.get(name)),
      names: image.RepoTags.map((name) => withDefaultTag(parseReference(name))),
    })),
  );
}

async function readOciLayout(files: Files, machine: Platform): Promise<ArchivedImage[]> {
  const read = readManifest(await files.content('index.json'));
  if (!('index' in read)) throw new EngineError('invalid', 'index.json is not an image index');
  const images: ArchivedImage[] = [];
  for (const entry of read.index.manifests) {
    // An entry for another machine, or one that describes a neighbour, is not meant for here.
    if (entry.platform && (entry.platform.os !== machine.os || entry.platform.architecture !== machine.architecture))
      continue;
    images.push(await readOciImage(files, entry, machine, ociNames(entry)));
  }
  if (images.length === 0) choose(read.index, machine);
  return images;
}

async function readOciImage(
  files: Files,
  descriptor: Descriptor,
  machine: Platform,
  names: readonly Reference[],
): Promise<ArchivedImage> {
  const read = readManifest(await blob(files, descriptor), descriptor.mediaType);
  if ('index' in read) return readOciImage(files, choose(read.index, machine), machine, names);
  return {
    config: await blob(files, read.manifest.config),
    layers: read.manifest.layers.map((layer) => files.get(blobName(layer))),
    names,
  };
}

/** containerd and Docker write the whole name; others a name or, as the specification has it, a mere tag. */
function ociNames({ annotations }: Index['manifests'][number]): Reference[] {
  const written = annotations['org.opencontainers.image.ref.name'] ?? '';
  const name = annotations['io.containerd.image.name'] ?? (/[:/]/.test(written) ? written : undefined);
  return name === undefined ? [] : [withDefaultTag(parseReference(name))];
}

function blobName({ digest }: Descriptor): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

async function blob(files: Files, descriptor: Descriptor): Promise<Uint8Array> {
  const content = await files.content(blobName(descriptor));
  const found = digestOf(content);
  if (found !== descriptor.digest) {
    throw new EngineError('invalid', `blob ${descriptor.digest} of the archive has the content of ${found}`);
  }
  return content;
}

/** Longest link chain that is followed. */
const LINKS = 10;

/**
 * An archive's files by name. Each is kept in a file of the workspace, so that no name in the
 * archive is ever a path here.
 */
class Files {
  readonly #files = new Map<string, LayerFile>();
  readonly #links = new Map<string, string>();

  static async read(archive: AsyncIterable<Uint8Array>, workspace: Workspace, signal: AbortSignal): Promise<Files> {
    const files = new Files();
    const extract = tar.extract();
    await Promise.all([
      pipeline(Readable.from(decompressed(archive)), extract, { signal }),
      files.#fill(extract, workspace),
    ]).catch((cause: unknown) => {
      if (cause instanceof EngineError || signal.aborted) throw cause;
      throw new EngineError('invalid', `cannot read the image archive: ${(cause as Error).message}`, { cause });
    });
    return files;
  }

  async #fill(extract: tar.Extract, workspace: Workspace): Promise<void> {
    for await (const entry of extract) {
      const { type, linkname } = entry.header;
      const name = posix.normalize(entry.header.name);
      if (type === 'file') {
        this.#files.set(name, {
          path: await workspace.keep(entry as AsyncIterable<Uint8Array>),
          size: entry.header.size ?? 0,
        });
        continue;
      }
      // docker save writes a layer that it wrote before as a link to it.
      if (type === 'symlink') this.#links.set(name, posix.join(posix.dirname(name), linkname ?? ''));
      if (type === 'link') this.#links.set(name, posix.normalize(linkname ?? ''));
      entry.resume();
    }
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  get(name: string): LayerFile {
    let target = posix.normalize(name);
    for (let links = 0; links < LINKS; links++) {
      const file = this.#files.get(target);
      if (file) return file;
      target = this.#links.get(target) ?? '';
    }
    throw new EngineError('invalid', `image archive names ${JSON.stringify(name)} and does not hold it`);
  }

  content(name: string): Promise<Buffer> {
    return readFile(this.get(name).path);
  }
}

/** What is written into an archive. */
export interface ArchiveSource {
  readonly config: Uint8Array;
  readonly id: string;
  readonly created: string;
  /** `name:tag`s */
  readonly tags: readonly string[];
  readonly diffIds: readonly string[];
}

/** A docker archive. `layer` opens a layer's plain archive. */
export function writeArchive(
  images: readonly ArchiveSource[],
  layer: (diffId: string) => { readonly size: number; readonly content: AsyncIterable<Uint8Array> },
): AsyncIterable<Uint8Array> & { readonly written: Promise<void> } {
  const pack = tar.pack();
  const written = fillArchive(pack, images, layer).catch((error: unknown) => pack.destroy(error as Error));
  return Object.assign(pack as AsyncIterable<Uint8Array>, { written });
}

async function fillArchive(
  pack: tar.Pack,
  images: readonly ArchiveSource[],
  layer: Parameters<typeof writeArchive>[1],
): Promise<void> {
  const done = new Set<string>();
  for (const { diffIds, created, id, config } of images) {
    const time = new Date(created);
    const mtime = Number.isNaN(time.getTime()) || time.getTime() < 0 ? new Date(0) : time;
    for (const diffId of diffIds) {
      if (done.has(diffId)) continue;
      done.add(diffId);
      const { size, content } = layer(diffId);
      await pipeline(content, pack.entry({ name: layerName(diffId), size, mtime }));
    }
    if (!done.has(id)) pack.entry({ name: configName(id), mtime }, Buffer.from(config));
    done.add(id);
  }
  const manifest = images.map(({ id, tags, diffIds }) => ({
    Config: configName(id),
    RepoTags: tags.length > 0 ? tags : null,
    Layers: diffIds.map(layerName),
  }));
  pack.entry({ name: 'manifest.json', mtime: new Date(0) }, JSON.stringify(manifest));
  pack.finalize();
}

function layerName(diffId: string): string {
  return `${hexOf(diffId)}/layer.tar`;
}

function configName(id: string): string {
  return `${hexOf(id)}.json`;
}
