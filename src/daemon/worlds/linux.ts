/** The real thing: the kernel, containers by conmon and runc, images and records on the disk. */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ContainerArchives } from '../../containers/archive/archives.ts';
import { ImageStore } from '../../containers/images/store.ts';
import { containerPaths } from '../../containers/runtime/paths.ts';
import { ConmonRuntime } from '../../containers/runtime/runtime.ts';
import { takeSample } from '../../containers/stats/sample.ts';
import { LocalVolumes } from '../../containers/volumes/local.ts';
import { etcHolder, type ContainerRecord } from '../../core/container/container.ts';
import type { ContainerView } from '../../core/engine/engine.ts';
import { LinuxKernel } from '../../linux/kernel.ts';
import type { ContainerSurroundings } from '../api/containers/present.ts';
import { listProcesses } from '../api/containers/top.ts';
import { readSystemFacts } from '../api/system/facts.ts';
import { SystemClock } from '../clock.ts';
import type { DaemonConfig } from '../config/options.ts';
import { machine } from '../host.ts';
import { LiveTracer } from '../insight/live.ts';
import { gather } from '../insight/texts.ts';
import { lockDataRoot, lockNetworkNamespace, refuseBesideDocker } from '../lock.ts';
import type { Build } from '../main.ts';
import { HostSockets } from '../sockets.ts';
import { JournalStore } from '../store/journal-store.ts';
import { openPracticeGround } from './practice-ground.ts';
import { LateNames, type Opened, type World, type WorldLog } from './world.ts';

/** The namespace that the daemon is in, for the world. */
const HOST_NAMESPACE = `/proc/${process.pid}/ns/net`;

export async function openLinux(config: DaemonConfig, build: Build, log: WorldLog, opened: Opened): Promise<World> {
  const { dataRoot, execRoot } = config;
  const lock = lockDataRoot(dataRoot);
  opened('the lock', () => lock.release());
  await refuseBesideDocker();
  const namespaceLock = await lockNetworkNamespace();
  opened('the lock of the network namespace', () => namespaceLock.release());

  const warn = (message: string): void => log.warn(message);
  const clock = new SystemClock();
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const store = new JournalStore(join(dataRoot, 'journal'), { warn, boot });
  opened('the store', () => store.close());
  const images = await ImageStore.open(join(dataRoot, 'images'), { insecureRegistries: config.insecureRegistries });
  const volumes = await LocalVolumes.open(join(dataRoot, 'volumes'));
  const kernel = new LinuxKernel({ runDirectory: execRoot, ...(build.worker ? { worker: build.worker } : {}) });
  opened('the kernel port', () => kernel.close());
  const runtime = new ConmonRuntime({
    dataRoot,
    runRoot: execRoot,
    clock,
    layers: async (imageId) => images.layers(imageId),
  });
  opened('the runtime', () => runtime.close());
  const names = new LateNames();
  const sockets = new HostSockets({ names, namespacePath: (sandbox) => kernel.namespacePath(sandbox), warn });
  opened('the sockets', () => sockets.close());

  const layers = (container: ContainerRecord) => ({
    upper: containerPaths(dataRoot, execRoot, container.id).upper,
    lower: images.layers(container.imageId),
  });
  const surroundings = ({ container, sandbox }: ContainerView): ContainerSurroundings => {
    const paths = containerPaths(dataRoot, execRoot, container.id);
    return {
      resolvConfPath: runtime.etcPath(etcHolder(container), 'resolv.conf'),
      hostnamePath: runtime.etcPath(etcHolder(container), 'hostname'),
      hostsPath: runtime.etcPath(etcHolder(container), 'hosts'),
      logPath: runtime.logPath(container.id),
      sandboxKey: sandbox ? (sandbox.host ? HOST_NAMESPACE : kernel.namespacePath(sandbox.id)) : '',
      layers: {
        LowerDir: images.layers(container.imageId).join(':'),
        MergedDir: paths.root,
        UpperDir: paths.upper,
        WorkDir: paths.work,
      },
    };
  };
  const ports = { kernel, sockets, runtime, images, volumes, store, host: machine, clock };
  return {
    ports,
    services: {
      files: { surroundings },
      archives: new ContainerArchives({ withRoot: (container, use) => runtime.withRoot(container, use), layers }),
      processes: { list: listProcesses, sample: takeSample },
      system: await readSystemFacts({
        version: build.version,
        commit: build.commit ?? '',
        dataRoot,
        id: daemonId(dataRoot),
        insecureRegistries: config.insecureRegistries,
      }),
    },
    gather: (sandbox) => gather(sandbox === undefined ? undefined : kernel.namespacePath(sandbox)),
    live: (snapshots) => new LiveTracer({ snapshots, namespacePath: (sandbox) => kernel.namespacePath(sandbox) }),
    connect: (directory) => names.use(directory),
    practiceGround: () => openPracticeGround(kernel, ports, join(execRoot, 'practice')),
  };
}

/** Made once for each data root. */
function daemonId(dataRoot: string): string {
  const path = join(dataRoot, 'engine-id');
  try {
    writeFileSync(path, `${randomUUID()}\n`, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(path, 'utf8').trim();
}
