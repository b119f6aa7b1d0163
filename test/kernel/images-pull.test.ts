import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { writeBusyboxArchive } from '../../scripts/images.ts';
import { hexOf } from '../../src/containers/images/digest.ts';
import type { RegistryAuth } from '../../src/core/image/image.ts';
import type { ImageStore } from '../../src/containers/images/store.ts';
import { createNamespace, enterNamespace, removeNamespace } from '../../src/linux/namespace.ts';
import { all, FakeRegistry, Place, readText, refuse, remoteImage, run, sha256, tarOf } from './images-fixture.ts';

const EMPTY = { layers: 0, configs: 0, work: 0 };
const NAMESPACE = `/run/netns/d-images-${process.pid}`;

let place: Place;
let store: ImageStore;
let home: number;

// All sockets of this file, and the children, live in a namespace of their own.
beforeAll(async () => {
  home = openSync('/proc/self/ns/net', 'r');
  createNamespace(NAMESPACE);
  enterNamespace(NAMESPACE);
  await run('ip', ['link', 'set', 'lo', 'up']);
});
afterAll(() => {
  enterNamespace(`/proc/self/fd/${home}`);
  closeSync(home);
  removeNamespace(NAMESPACE);
});

beforeEach(async () => {
  place = await Place.make();
  store = await place.open();
});
afterEach(() => place.remove());

const pull = (name: string, options?: { auth?: RegistryAuth; platform?: string }) => all(store.pull(name, options));

describe('from Debian’s docker-registry', () => {
  let registry: ChildProcess;
  let host: string;
  let files: Place;

  beforeAll(async () => {
    files = await Place.make();
    const reserved = createServer().listen(0, '127.0.0.1');
    await once(reserved, 'listening');
    host = `127.0.0.1:${(reserved.address() as AddressInfo).port}`;
    await new Promise((resolve) => reserved.close(resolve));
    const config = `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${files.path('data')}}}\nhttp: {addr: '${host}'}\n`;
    await writeFile(files.path('config.yml'), config);
    registry = spawn('docker-registry', ['serve', files.path('config.yml')], { stdio: 'ignore' });
    await reachable(host);
    await writeBusyboxArchive(files.path('busybox.tar'));
    for (const [format, tag] of [
      ['v2s2', 'docker'],
      ['oci', 'oci'],
    ]) {
      const from = `docker-archive:${files.path('busybox.tar')}`;
      await run('skopeo', [
        'copy',
        '--dest-tls-verify=false',
        `--format=${format}`,
        from,
        `docker://${host}/made/box:${tag}`,
      ]);
    }
  });
  afterAll(async () => {
    registry.kill();
    await once(registry, 'close');
    await files.remove();
  });

  test.each(['docker', 'oci'])('a pull of a pushed %s image', async (tag) => {
    const name = `${host}/made/box:${tag}`;
    const messages = await pull(name);
    const statuses = messages.map(({ status }) => status);
    expect(messages[0]).toEqual({ status: 'Pulling from made/box', id: tag });
    const order = [
      'Pulling fs layer',
      'Downloading',
      'Verifying Checksum',
      'Download complete',
      'Extracting',
      'Pull complete',
    ];
    expect(statuses.filter((status, index) => order.includes(status!) && statuses.indexOf(status) === index)).toEqual(
      order,
    );
    expect(statuses.at(-1)).toBe(`Status: Downloaded newer image for ${name}`);

    const view = await store.inspect(name);
    expect(view.repoTags).toEqual([name]);
    expect(view.repoDigests).toEqual([`${host}/made/box@${statuses.at(-2)!.slice('Digest: '.length)}`]);
    await place.seen(store.layers(view.id), async (root) => {
      expect(await readlink(join(root, 'bin/sh'))).toBe('busybox');
    });

    expect((await pull(name)).map(({ status }) => status).slice(-1)).toEqual([
      `Status: Image is up to date for ${name}`,
    ]);
    const { stdout } = await run('skopeo', ['inspect', '--tls-verify=false', `docker://${name}`]);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: statuses.at(-2)!.slice('Digest: '.length) });
  });

  test('by digest, without a tag', async () => {
    await pull(`${host}/made/box:docker`);
    const [digest] = (await store.inspect(`${host}/made/box:docker`)).repoDigests;
    await store.remove(`${host}/made/box:docker`, { force: false }, []);
    expect(await place.census()).toEqual(EMPTY);
    await pull(digest!);
    expect(await store.inspect(digest!)).toMatchObject({ repoTags: [], repoDigests: [digest] });
  });

  test('what is not there', async () => {
    await expect(pull(`${host}/made/box:none`)).rejects.toMatchObject({
      code: 'not-found',
      message: `manifest for ${host}/made/box:none not found: manifest unknown: manifest unknown`,
    });
    await expect(pull(`${host}/made/none`)).rejects.toMatchObject({
      code: 'not-found',
      message: `manifest for ${host}/made/none:latest not found: manifest unknown: manifest unknown`,
    });
  });
});

async function reachable(host: string): Promise<void> {
  const [address, port] = host.split(':');
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = connect(Number(port), address);
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error(`nothing answers at ${host}`);
}

describe('from a registry with a mind of its own', () => {
  let registry: FakeRegistry;
  const layer = (text: string) => tarOf([{ name: 'f', content: text }]);

  beforeEach(async () => {
    registry = await FakeRegistry.start();
  });
  afterEach(() => registry.close());

  test('an index leads to this platform, or to the one asked for', async () => {
    const images = {
      amd64: remoteImage([await layer('amd64')], 'amd64'),
      arm64: remoteImage([await layer('arm64')], 'arm64'),
      s390x: remoteImage([await layer('s390x')], 's390x'),
    };
    const manifests = Object.entries(images).map(([architecture, image]) => {
      registry.add('multi', image);
      const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
      return {
        mediaType,
        digest: sha256(image.manifest),
        size: image.manifest.length,
        platform: { os: 'linux', architecture },
      };
    });
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
    registry.put('/v2/multi/manifests/1', index, 'application/vnd.oci.image.index.v1+json');

    await pull(`${registry.host}/multi:1`, { platform: 'linux/arm64' });
    const view = await store.inspect(`${registry.host}/multi:1`);
    expect(view.architecture).toBe('arm64');
    expect(view.repoDigests).toEqual([`${registry.host}/multi@${sha256(index)}`]);
    await pull(`${registry.host}/multi:1`);
    const own = await store.inspect(`${registry.host}/multi:1`);
    expect(own.architecture).toBe({ x64: 'amd64' }[process.arch as string] ?? process.arch);
    await expect(pull(`${registry.host}/multi:1`, { platform: 'linux/riscv64' })).rejects.toThrow(
      'no matching manifest for linux/riscv64 in the manifest list entries',
    );
  });

  test('layers that are here are not fetched again', async () => {
    const [base, one, two] = [await layer('base'), await layer('one'), await layer('two')];
    registry.add('a', remoteImage([base, one]), '1');
    const second = remoteImage([base, two]);
    registry.add('b', second, '1');
    await pull(`${registry.host}/a:1`);
    registry.requests.length = 0;
    const messages = await pull(`${registry.host}/b:1`);
    expect(messages.filter(({ status }) => status === 'Already exists')).toHaveLength(1);
    expect(registry.requests.filter((path) => path.includes('/blobs/'))).toHaveLength(2);
    expect(await place.census()).toEqual({ layers: 3, configs: 2, work: 0 });
  });

  test.each([
    ['layer', 'filesystem layer verification failed for digest'],
    ['configuration', 'image config verification failed for digest'],
    ['manifest', 'manifest verification failed for digest'],
  ])('a %s with another content than its digest says is refused, and nothing stays', async (what, message) => {
    const image = remoteImage([await layer('good'), await layer('other')]);
    registry.add('x', image, '1');
    const path = {
      layer: `blobs/${sha256(image.layers[1]!)}`,
      configuration: `blobs/${sha256(image.config)}`,
      manifest: `manifests/${sha256(image.manifest)}`,
    }[what]!;
    const original = { layer: image.layers[1]!, configuration: image.config, manifest: image.manifest }[what]!;
    registry.put(`/v2/x/${path}`, Buffer.concat([original.subarray(0, -1), Buffer.from(' ')]));
    const name = what === 'manifest' ? `x@${sha256(image.manifest)}` : 'x:1';
    await expect(pull(`${registry.host}/${name}`)).rejects.toThrow(message);
    expect(await place.census()).toEqual(EMPTY);
  });

  test('a layer that unpacks to another than the configuration says is refused, and nothing stays', async () => {
    const image = remoteImage([await layer('good')]);
    const config = Buffer.from(image.config.toString().replace(/sha256:[0-9a-f]{64}/, sha256('another')));
    const text = image.manifest.toString().replace(sha256(image.config), sha256(config));
    const manifest = { ...JSON.parse(text), config: { ...JSON.parse(text).config, size: config.length } };
    registry.add('x', { ...image, config, manifest: Buffer.from(JSON.stringify(manifest)) }, '1');
    await expect(pull(`${registry.host}/x:1`)).rejects.toThrow('invalid diffID for layer');
    expect(await place.census()).toEqual(EMPTY);
  });

  test('a broken connection is taken up where it broke', async () => {
    const image = remoteImage([await tarOf([{ name: 'f', content: noise(300_000) }])]);
    const [blob] = image.layers;
    registry.add('x', image, '1');
    let cuts = 2;
    registry.before = (request, response, url) => {
      if (!url.pathname.endsWith(sha256(blob!)) || cuts === 0) return false;
      cuts--;
      const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(start > 0 ? 206 : 200, { 'content-length': blob!.length - start });
      response.write(blob!.subarray(start, start + 70_000), () => setTimeout(() => response.destroy(), 50));
      return true;
    };
    const messages = await pull(`${registry.host}/x:1`);
    const { id } = await store.find(`${registry.host}/x:1`);
    expect((await readText(join(store.layers(id)[0]!, 'f'))).length).toBe(300_000);
    expect(messages.filter(({ status }) => status?.startsWith('Retrying in'))).toHaveLength(2);
    const ranges = registry.requests.flatMap((path) => / bytes=(\d+)-/.exec(path)?.[1] ?? []);
    expect(ranges).toHaveLength(2);
    expect(Number(ranges[1])).toBeGreaterThan(Number(ranges[0]));
  });

  test('a busy registry is asked again; one that refuses is not', async () => {
    registry.add('x', remoteImage([await layer('x')]), '1');
    let busy = 1;
    registry.before = (_request, response, url) => {
      if (!url.pathname.includes('/blobs/') || url.pathname.endsWith(sha256(remoteConfig)) || busy-- <= 0) return false;
      refuse(response, 503, 'UNAVAILABLE', 'come back later');
      return true;
    };
    const remoteConfig = remoteImage([await layer('x')]).config;
    await pull(`${registry.host}/x:1`);
    registry.add('y', remoteImage([await layer('y')]), '1');
    registry.requests.length = 0;
    registry.before = (_request, response, url) => {
      if (!url.pathname.startsWith('/v2/y/manifests')) return false;
      refuse(response, 403, 'DENIED', 'not for you');
      return true;
    };
    await expect(pull(`${registry.host}/y:1`)).rejects.toMatchObject({
      code: 'not-found',
      message: `pull access denied for ${registry.host}/y, repository does not exist or may require 'docker login': denied: not for you`,
    });
    expect(registry.requests.filter((path) => path.includes('manifests'))).toHaveLength(1);
  });

  test('who stops reading ends the pull, and nothing half done stays', async () => {
    const image = remoteImage([await layer('x'), await tarOf([{ name: 'f', content: noise(2_000_000) }])]);
    registry.add('x', image, '1');
    registry.before = (_request, response, url) => {
      if (!url.pathname.endsWith(sha256(image.layers[1]!))) return false;
      response.writeHead(200, { 'content-length': image.layers[1]!.length });
      response.write(image.layers[1]!.subarray(0, 100_000));
      return true;
    };
    for await (const { status } of store.pull(`${registry.host}/x:1`)) if (status === 'Downloading') break;
    expect(await place.census()).toEqual(EMPTY);
    await expect(store.find(`${registry.host}/x:1`)).rejects.toMatchObject({ code: 'not-found' });
  });

  test('a token is asked for with the credentials, which go nowhere else', async () => {
    registry.add('private', remoteImage([await layer('x')]), '1');
    const seen: string[] = [];
    registry.before = (request, response, url) => {
      const authorization = request.headers.authorization ?? 'none';
      seen.push(`${url.pathname}${url.search} ${authorization}`);
      if (url.pathname === '/token') {
        response.end(JSON.stringify({ token: authorization.startsWith('Basic') ? 'ticket' : 'for-all' }));
        return true;
      }
      if (authorization === 'Bearer ticket') return false;
      const error = authorization === 'none' ? '' : ',error="insufficient_scope"';
      response.setHeader('www-authenticate', `Bearer realm="http://${registry.host}/token",service="here"${error}`);
      refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
      return true;
    };
    const name = `${registry.host}/private:1`;
    await expect(pull(name)).rejects.toThrow(
      `pull access denied for ${registry.host}/private, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
    );
    seen.length = 0;
    await pull(name, { auth: { username: 'u', password: 'p' } });
    const scope = encodeURIComponent('repository:private:pull');
    expect(seen.slice(0, 3)).toEqual([
      '/v2/ none',
      `/token?scope=${scope}&service=here Basic ${Buffer.from('u:p').toString('base64')}`,
      '/v2/private/manifests/1 Bearer ticket',
    ]);
  });

  test('basic credentials are given where they are asked for', async () => {
    registry.add('x', remoteImage([await layer('x')]), '1');
    registry.before = (request, response) => {
      if (request.headers.authorization === `Basic ${Buffer.from('u:p').toString('base64')}`) return false;
      response.setHeader('www-authenticate', 'Basic realm="here"');
      refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
      return true;
    };
    const name = `${registry.host}/x:1`;
    await expect(pull(name)).rejects.toThrow('no basic auth credentials');
    await expect(pull(name, { auth: { username: 'u', password: 'wrong' } })).rejects.toThrow(
      'unauthorized: authentication required',
    );
    await pull(name, { auth: { username: 'u', password: 'p' } });
    expect(await store.find(name)).toBeDefined();
  });

  test('a redirect to another host does not carry the credentials', async () => {
    const other = await FakeRegistry.start();
    try {
      const image = remoteImage([await layer('x')]);
      registry.add('x', image, '1');
      other.add('x', image, '1');
      const carried: unknown[] = [];
      other.before = (request) => {
        carried.push(request.headers.authorization);
        return false;
      };
      registry.before = (request, response, url) => {
        if (request.headers.authorization === undefined) {
          response.setHeader('www-authenticate', 'Basic realm="here"');
          refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
          return true;
        }
        if (!url.pathname.includes('/blobs/')) return false;
        response.writeHead(307, { location: `http://${other.host}${url.pathname}` }).end();
        return true;
      };
      await pull(`${registry.host}/x:1`, { auth: { username: 'u', password: 'p' } });
      expect(carried).toEqual([undefined, undefined]);
    } finally {
      await other.close();
    }
  });
});

test('a registry that is not there is told with its address', async () => {
  await expect(pull('127.0.0.1:1/x')).rejects.toThrow('Get "http://127.0.0.1:1/v2/": connect ECONNREFUSED 127.0.0.1:1');
});

/** Text that gzip cannot make small, the same each time. */
function noise(length: number): string {
  const parts: string[] = [];
  for (let part = ''; parts.length * 64 < length; parts.push(part)) part = hexOf(sha256(part));
  return parts.join('').slice(0, length);
}
