// Bundles the program: one file for the command line, one for the daemon, one for each of its threads.
import { chmod, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const outdir = process.env['PASSERELLE_DIST'] ?? 'dist';
await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: {
    passerelle: 'src/cli/main.ts',
    worker: 'src/linux/worker.ts',
    'relay-thread': 'src/daemon/proxy/relay-thread.ts',
    demo: 'scripts/demo/main.ts',
    bench: 'bench/main.ts',
    probe: 'bench/probe.ts',
  },
  outdir,
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
await chmod(`${outdir}/passerelle.js`, 0o755);
