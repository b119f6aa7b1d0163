import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { kernelContract } from '../../src/core/engine/kernel.contract.ts';
import { LinuxKernel } from '../../src/linux/kernel.ts';
import { createNamespace, removeNamespace } from '../../src/linux/namespace.ts';
import { bundleWorker } from './worker.ts';

const run = mkdtempSync(join(tmpdir(), 'c-kernel-'));
const hosts: string[] = [];
let worker: URL;

/** A kernel whose host is a namespace of its own: nothing of the machine's is touched. */
async function make(): Promise<LinuxKernel> {
  const runDirectory = join(run, `c-run-${hosts.length}`);
  const hostNamespace = join(run, `c-host-${hosts.length}`);
  createNamespace(hostNamespace);
  hosts.push(hostNamespace);
  return new LinuxKernel({ runDirectory, hostNamespace, worker });
}

beforeAll(async () => {
  worker = await bundleWorker();
});

afterAll(() => {
  for (const host of hosts) removeNamespace(host);
  rmSync(run, { recursive: true });
});

kernelContract('LinuxKernel', make);
