/**
 * The kernel port's worker for tests that run from source: Node runs no TypeScript in a worker, so
 * it is bundled once for each run, to where it finds the packages.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Give it to LinuxKernel as its `worker`. */
export async function bundleWorker(): Promise<URL> {
  const cache = join(root, '.cache');
  mkdirSync(cache, { recursive: true });
  const outfile = join(cache, `worker-${process.pid}.js`);
  await build({
    entryPoints: [join(root, 'src/linux/worker.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
  });
  // Test files run side by side: each replaces the bundle in one go.
  const bundle = join(cache, 'worker.js');
  renameSync(outfile, bundle);
  return pathToFileURL(bundle);
}
