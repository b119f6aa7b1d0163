/**
 * A host to practise on: a network namespace of its own, with records and sandboxes of its own. The same thread talks
 * to the kernel there, and nothing is different but that no process is run and no port of the machine bound.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Ledger } from '../../core/engine/records.ts';
import { RehearsedRuntime } from '../../core/engine/rehearsal/runtime.ts';
import { RehearsedVolumes } from '../../core/engine/rehearsal/volumes.ts';
import type { Images } from '../../core/engine/images.ts';
import { trimMemory } from '../../linux/ffi.ts';
import type { LinuxKernel } from '../../linux/kernel.ts';
import { createNamespace, removeNamespace } from '../../linux/namespace.ts';
import { namespaceFolder } from '../../linux/namespaces.ts';
import { HostSockets } from '../sockets.ts';
import { JournalStore } from '../store/journal-store.ts';
import { LateNames, type PracticeGround, type World } from './world.ts';

/** Whatever is asked for is there, and empty. */
const IMAGES: Images = { find: async () => ({ id: `sha256:${'0'.repeat(64)}`, config: {} }) };

/** `directory` has all that it writes, which `close` removes; what a daemon that was killed left there goes first. */
export function openPracticeGround(
  kernel: LinuxKernel,
  { clock, host, runtime, volumes }: Pick<World['ports'], 'clock' | 'host' | 'runtime' | 'volumes'>,
  directory: string,
): PracticeGround {
  clear(directory);
  const hostNamespace = join(directory, 'host');
  createNamespace(hostNamespace);
  const its = kernel.beside({ runDirectory: directory, hostNamespace });
  const names = new LateNames();
  const warn = (): void => undefined;
  const sockets = new HostSockets({ names, namespacePath: (sandbox) => its.namespacePath(sandbox), warn });
  const store = new JournalStore(join(directory, 'journal'), { warn, boot: '' });
  return {
    ports: {
      kernel: its,
      sockets: {
        // The machine's ports are not to be practised with.
        apply: (steps) => sockets.apply(steps.filter(({ object }) => object.kind === 'resolver')),
        close: () => sockets.close(),
      },
      store,
      runtime: new RehearsedRuntime(runtime, clock, new Ledger()),
      volumes: new RehearsedVolumes(volumes, clock),
      images: IMAGES,
      host,
      clock,
      log: { info: warn, warn },
    },
    connect: (directory) => names.use(directory),
    socket: join(directory, 'api.sock'),
    async close() {
      await sockets.close();
      await its.close();
      await store.close();
      clear(directory);
      trimMemory();
    },
  };
}

function clear(directory: string): void {
  const sandboxes = namespaceFolder(directory);
  if (existsSync(sandboxes)) for (const sandbox of readdirSync(sandboxes)) removeNamespace(join(sandboxes, sandbox));
  removeNamespace(join(directory, 'host'));
  rmSync(directory, { recursive: true, force: true });
}
