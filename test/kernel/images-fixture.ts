/** Image stores, archives and a registry that can misbehave, for the tests of images. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import type { Progress } from '../../src/core/image/image.ts';
import { ImageStore } from '../../src/containers/images/store.ts';
import { mountOverlay, unmount } from '../../src/linux/mount.ts';

export const run = promisify(execFile);

/** A temporary folder with a store in it. */
export class Place {
  readonly folder: string;
  readonly root: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.root = join(folder, 'images');
  }

  static async make(): Promise<Place> {
    return new Place(await mkdtemp(join(tmpdir(), 'd-images-')));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  open(): Promise<ImageStore> {
    return ImageStore.open(this.root);
  }

  /** How many things lie in the store's folders: nothing half done may be among them. */
  async census(): Promise<{ layers: number; configs: number; work: number }> {
    const count = async (name: string) => (await readdir(join(this.root, name))).length;
    return { layers: await count('layers'), configs: await count('configs'), work: await count('work') };
  }

  /** Runs `look` on the layers as a container would see them. */
  async seen<T>(layers: readonly string[], look: (root: string) => Promise<T>): Promise<T> {
    const mount = await mkdtemp(join(this.folder, 'mount-'));
    const [merged, upper, work] = [join(mount, 'merged'), join(mount, 'upper'), join(mount, 'work')];
    await Promise.all([merged, upper, work].map((path) => mkdir(path)));
    mountOverlay(merged, { lower: layers, upper, work });
    try {
      return await look(merged);
    } finally {
      unmount(merged);
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A member of an archive: content, or what else it is. */
export type Member = Partial<tar.Header> & { readonly name: string; readonly content?: string };

export async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const { content, ...header } of members) pack.entry({ mtime: new Date(0), ...header }, content ?? '');
  pack.finalize();
  return buffer(pack);
}

export async function* streamOf(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

export async function all(messages: AsyncIterable<Progress>): Promise<Progress[]> {
  const found: Progress[] = [];
  for await (const message of messages) found.push(message);
  return found;
}

export const sha256 = (content: Uint8Array | string): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** An image in the words of the distribution protocol. */
export interface RemoteImage {
  readonly manifest: Buffer;
  readonly config: Buffer;
  /** Compressed. */
  readonly layers: readonly Buffer[];
}

export function remoteImage(layers: readonly Buffer[], architecture = 'amd64'): RemoteImage {
  const diffIds = layers.map(sha256);
  const rootfs = { type: 'layers', diff_ids: diffIds };
  const config = Buffer.from(JSON.stringify({ architecture, os: 'linux', config: { Cmd: ['sh'] }, rootfs }));
  const blobs = layers.map((layer) => gzipSync(layer));
  const type = 'application/vnd.docker';
  const describe = (mediaType: string, content: Buffer) => ({
    mediaType,
    size: content.length,
    digest: sha256(content),
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: `${type}.distribution.manifest.v2+json`,
    config: describe(`${type}.container.image.v1+json`, config),
    layers: blobs.map((blob) => describe(`${type}.image.rootfs.diff.tar.gzip`, blob)),
  };
  return { manifest: Buffer.from(JSON.stringify(manifest)), config, layers: blobs };
}

export type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean;

/** A registry on loopback that serves what it is given; `before` may answer instead, by giving true. */
export class FakeRegistry {
  readonly #server: Server;
  readonly #content = new Map<string, { readonly type: string; readonly content: Buffer }>();
  readonly requests: string[] = [];
  before: Handler = () => false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakeRegistry> {
    const server = createServer((request, response) => registry.#answer(request, response));
    const registry = new FakeRegistry(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Serves an image under a tag, or under its digest alone. */
  add(repository: string, image: RemoteImage, tag?: string): void {
    this.put(
      `/v2/${repository}/manifests/${sha256(image.manifest)}`,
      image.manifest,
      'application/vnd.docker.distribution.manifest.v2+json',
    );
    if (tag)
      this.put(
        `/v2/${repository}/manifests/${tag}`,
        image.manifest,
        'application/vnd.docker.distribution.manifest.v2+json',
      );
    for (const blob of [image.config, ...image.layers]) this.put(`/v2/${repository}/blobs/${sha256(blob)}`, blob);
  }

  put(path: string, content: Buffer, type = 'application/octet-stream'): void {
    this.#content.set(path, { type, content });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url!, `http://${this.host}`);
    this.requests.push(`${url.pathname}${request.headers.range ? ` ${request.headers.range}` : ''}`);
    if (this.before(request, response, url)) return;
    if (url.pathname === '/v2/') return void response.end('{}');
    const found = this.#content.get(url.pathname);
    if (!found) return refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const content = found.content.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, { 'content-type': found.type, 'content-length': content.length });
    response.end(content);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

export const readText = (path: string): Promise<string> => readFile(path, 'utf8');
