/**
 * The daemon's workers for tests that run from source: Node runs no TypeScript in a worker, so each is
 * bundled once for each run, to where it finds the packages.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Give it to LinuxKernel as its `worker`. */
export const bundleWorker = (): Promise<URL> => bundle('src/linux/worker.ts');

/** Give it to HostSockets as its `relay`. */
export const bundleRelay = (): Promise<URL> => bundle('src/daemon/proxy/relay-thread.ts');

async function bundle(source: string): Promise<URL> {
  const cache = join(root, '.cache');
  mkdirSync(cache, { recursive: true });
  const outfile = join(cache, `${basename(source, '.ts')}-${process.pid}.js`);
  await build({
    entryPoints: [join(root, source)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
  });
  // Test files run side by side: each replaces the bundle in one go.
  const place = join(cache, `${basename(source, '.ts')}.js`);
  renameSync(outfile, place);
  return pathToFileURL(place);
}
