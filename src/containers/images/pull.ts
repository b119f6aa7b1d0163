import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Mutex } from '../../core/engine/mutex.ts';
import { EngineError } from '../../core/network/error.ts';
import { readImageConfig } from './config.ts';
import { isDigest } from '../../core/image/digest.ts';
import { digestOf, hexOf, Tally } from './digest.ts';
import { ConnectionError } from './http.ts';
import type { Layers } from './layers.ts';
import { choose, readManifest, type Descriptor, type Manifest, type Platform } from './manifest.ts';
import { metered, type Report } from './progress.ts';
import { familiar, familiarName, type Reference } from '../../core/image/reference.ts';
import { Registry, RegistryError, type RegistryOptions } from './registry.ts';
import type { Workspace } from './workspace.ts';

/** Blobs fetched at the same time, as in Docker. */
const LANES = 3;
const ATTEMPTS = 5;
/** Wait (ms) before the second attempt; doubled for each further one. */
const PATIENCE = 500;

export interface PulledImage {
  readonly config: Uint8Array;
  /** Of what the name means: the index, where there is one. */
  readonly digest: string;
}

/**
 * Brings an image's layers into the store, held by the workspace, and gives its configuration.
 * The first message comes after the registry has shown that the image is there.
 */
export async function pull(
  reference: Reference,
  platform: Platform,
  options: RegistryOptions,
  layers: Layers,
  workspace: Workspace,
  report: Report,
): Promise<PulledImage> {
  const pick = reference.digest ?? reference.tag!;
  const registry = await Registry.connect(reference, options);
  const found = await resolve(registry, pick, platform).catch((error: unknown) => {
    throw inDockersWords(error, reference);
  });
  report({ status: `Pulling from ${reference.path}`, id: pick });

  const config = await registry.document(found.manifest.config);
  verify('image config', found.manifest.config.digest, config);
  const diffIds = readImageConfig(config).rootfs.diff_ids;
  if (diffIds.length !== found.manifest.layers.length) {
    throw new EngineError('invalid', 'layers from manifest do not match image configuration');
  }
  layers.hold(workspace, diffIds);
  await pullLayers(registry, found.manifest, diffIds, options.signal, layers, workspace, report);
  return { config, digest: found.digest };
}

async function resolve(
  registry: Registry,
  pick: string,
  platform: Platform,
): Promise<{ readonly manifest: Manifest; readonly digest: string }> {
  const { content, mediaType } = await registry.manifest(pick);
  if (isDigest(pick)) verify('manifest', pick, content);
  const read = readManifest(content, mediaType);
  const digest = digestOf(content);
  if ('manifest' in read) return { manifest: read.manifest, digest };
  const chosen = await resolve(registry, choose(read.index, platform).digest, platform);
  return { manifest: chosen.manifest, digest };
}

function verify(what: string, digest: string, content: Uint8Array): void {
  const found = digestOf(content);
  if (found !== digest) {
    throw new EngineError('invalid', `${what} verification failed for digest ${digest}: the registry gave ${found}`);
  }
}

async function pullLayers(
  registry: Registry,
  manifest: Manifest,
  diffIds: readonly string[],
  signal: AbortSignal,
  layers: Layers,
  workspace: Workspace,
  report: Report,
): Promise<void> {
  const missing: { readonly descriptor: Descriptor; readonly diffId: string; readonly id: string }[] = [];
  manifest.layers.forEach((descriptor, index) => {
    const diffId = diffIds[index]!;
    const id = hexOf(descriptor.digest).slice(0, 12);
    if (layers.has(diffId)) return report({ status: 'Already exists', progressDetail: {}, id });
    if (missing.some((layer) => layer.diffId === diffId)) return;
    missing.push({ descriptor, diffId, id });
    report({ status: 'Pulling fs layer', progressDetail: {}, id });
  });

  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const lanes = Array.from({ length: LANES }, () => new Mutex());
  const downloads = missing.map((layer, index) =>
    lanes[index % LANES]!.run(() => {
      either.throwIfAborted();
      return download(registry, layer.descriptor, layer.id, either, workspace, report);
    }),
  );
  // The first failure ends the others, also those that nobody waits for yet.
  for (const running of downloads) running.catch((error: unknown) => failed.abort(error));
  try {
    for (const [index, { diffId, descriptor, id }] of missing.entries()) {
      const file = { path: await downloads[index]!, size: descriptor.size, diffId };
      either.throwIfAborted();
      await layers.add(file, workspace, { report, status: 'Extracting', id });
      report({ status: 'Pull complete', progressDetail: {}, id });
    }
  } catch (error) {
    failed.abort(error);
    throw error;
  } finally {
    await Promise.allSettled(downloads);
  }
}

/** Fetches a blob into a file; goes on where it stood when the connection broke. Gives the file's path. */
async function download(
  registry: Registry,
  descriptor: Descriptor,
  id: string,
  signal: AbortSignal,
  workspace: Workspace,
  report: Report,
): Promise<string> {
  const path = workspace.path();
  const file = await open(path, 'w', 0o600);
  try {
    let tally = new Tally();
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      try {
        const { start, content } = await registry.blob(descriptor, tally.size);
        if (start !== tally.size) {
          tally = new Tally();
          await file.truncate(0);
        }
        const counted = metered(content, report, { status: 'Downloading', id, start, total: descriptor.size });
        for await (const chunk of counted) {
          signal.throwIfAborted();
          if (tally.size + chunk.length > descriptor.size) {
            throw new EngineError(
              'invalid',
              `the registry gave more than the ${descriptor.size} bytes of ${descriptor.digest}`,
            );
          }
          await writeAt(file, chunk, tally.size);
          tally.add(chunk);
        }
        if (tally.size === descriptor.size) break;
        throw new ConnectionError(
          `blob ${descriptor.digest} ended after ${tally.size} of ${descriptor.size} bytes`,
          {},
        );
      } catch (error) {
        if (attempt === ATTEMPTS || signal.aborted || !mayPass(error)) throw error;
        const wait = PATIENCE * 2 ** (attempt - 1);
        report({ status: `Retrying in ${wait / 1000} seconds`, progressDetail: {}, id });
        await delay(wait, undefined, { signal });
      }
    }
    report({ status: 'Verifying Checksum', progressDetail: {}, id });
    const found = tally.digest();
    if (found !== descriptor.digest) {
      throw new EngineError(
        'invalid',
        `filesystem layer verification failed for digest ${descriptor.digest}: the registry gave ${found}`,
      );
    }
    report({ status: 'Download complete', progressDetail: {}, id });
    return path;
  } finally {
    await file.close();
  }
}

async function writeAt(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    done += (await file.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
  }
}

/** Whether the same request may do better later: the connection broke, or the registry was busy. */
function mayPass(error: unknown): boolean {
  if (error instanceof RegistryError) return error.status === 429 || error.status >= 500;
  return (
    error instanceof ConnectionError ||
    ['ECONNRESET', 'EPIPE', 'ETIMEDOUT'].includes((error as { code?: string }).code ?? '')
  );
}

/** Docker's sentences for what a registry refuses; clients show them, and some read them. */
function inDockersWords(error: unknown, reference: Reference): unknown {
  if (!(error instanceof RegistryError)) return error;
  const { registryCode, message } = error;
  const notFound = (text: string) => new EngineError('not-found', `${text}: ${message}`, { cause: error });
  switch (registryCode) {
    case 'DENIED':
      return notFound(
        `pull access denied for ${familiarName(reference)}, repository does not exist or may require 'docker login'`,
      );
    case 'MANIFEST_UNKNOWN':
      return notFound(`manifest for ${familiar(reference)} not found`);
    case 'NAME_UNKNOWN':
      return notFound(`repository ${familiarName(reference)} not found`);
    default:
      return error;
  }
}
