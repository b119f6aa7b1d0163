// Bundles the program: one file for the command line, one for the daemon, one for its kernel thread.
import { chmod, rm } from 'node:fs/promises';
import { build } from 'esbuild';

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: {
    passerelle: 'src/cli/main.ts',
    worker: 'src/linux/worker.ts',
    demo: 'scripts/demo/main.ts',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: true,
  banner: { js: '' },
  logLevel: 'warning',
});
await chmod('dist/passerelle.js', 0o755);
