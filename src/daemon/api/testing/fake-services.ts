/** The API over fakes, on a UNIX socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImageView, Progress } from '../../../core/image/image.ts';
import type { Volume } from '../../../core/engine/volumes.ts';
import { takeSample } from '../../../containers/stats/sample.ts';
import type { Snapshot } from '../../../core/insight/snapshot/snapshot.ts';
import { TraceError } from '../../../core/insight/trace/question.ts';
import { EngineError } from '../../../core/network/error.ts';
import { SystemClock } from '../../clock.ts';
import { listen } from '../../listen.ts';
import { ApiServer } from '../http/server.ts';
import { listProcesses } from '../containers/top.ts';
import { apiRouter } from '../routes.ts';
import type { Services } from '../services.ts';
import { FakeEngine, IMAGE_ID } from './fake-engine.ts';

const BUSYBOX: ImageView = {
  id: IMAGE_ID,
  config: { Cmd: ['sh'], Labels: {} },
  repoTags: ['busybox:1'],
  repoDigests: [],
  created: '2024-01-01T00:00:00Z',
  lastTagged: undefined,
  author: '',
  comment: '',
  dockerVersion: '',
  architecture: 'amd64',
  variant: '',
  os: 'linux',
  size: 1000,
  diffIds: [`sha256:${'2'.repeat(64)}`],
};

async function* saying(...messages: readonly (Progress | Error)[]): AsyncGenerator<Progress> {
  for (const message of messages) {
    if (message instanceof Error) throw message;
    yield message;
  }
}

const found = (reference: string): ImageView => {
  if (['busybox', 'busybox:1', IMAGE_ID].includes(reference)) return BUSYBOX;
  throw new EngineError('not-found', `No such image: ${reference}`);
};

function fakeImages(): Services['images'] {
  return {
    find: async (reference) => found(reference),
    inspect: async (reference) => found(reference),
    list: () => [BUSYBOX],
    history: async (reference) => (found(reference), []),
    layers: () => ['/layers/2'],
    load: async function* (archive) {
      let size = 0;
      for await (const chunk of archive) size += chunk.length;
      yield { stream: `Loaded ${size} bytes\n` };
    },
    save: async (references) => {
      for (const reference of references) found(reference);
      return (async function* () {
        yield Buffer.from('archive');
      })();
    },
    import: async function* (archive) {
      for await (const _ of archive);
      yield { status: IMAGE_ID };
    },
    pull: (reference) => {
      if (reference.startsWith('missing')) {
        return saying(new EngineError('not-found', `pull access denied for ${reference}`));
      }
      if (reference.startsWith('broken')) return saying({ status: 'Pulling' }, new Error('connection reset'));
      return saying({ status: 'Pulling' }, { status: 'Status: Downloaded newer image' });
    },
    tag: async (source) => void found(source),
    remove: async (reference) => (found(reference), [{ Untagged: reference }]),
    prune: async () => ({ removed: [], reclaimed: 0 }),
  };
}

function fakeVolumes(): Services['volumes'] {
  const volumes = new Map<string, Volume>();
  return {
    create: async ({ name, labels = {}, anonymous = false }) => {
      const mountpoint = `/volumes/${name}`;
      const volume = { name, mountpoint, created: '2024-01-01T00:00:00.5Z', labels, options: null, anonymous };
      volumes.set(name, volume);
      return volume;
    },
    get: async (name) => volumes.get(name),
    list: async () => [...volumes.values()],
    remove: async (name) => void volumes.delete(name),
  };
}

const STAT = { name: 'etc', size: 4096, mode: 2 ** 31 + 0o755, mtime: '2024-01-01T00:00:00Z', linkTarget: '' };

export interface TestApi {
  readonly socket: string;
  readonly engine: FakeEngine;
  readonly services: Services;
  /** What went wrong inside, as the log tells it. */
  readonly errors: unknown[];
  close(): Promise<void>;
}

const EMPTY: Snapshot = { passerelle: 1, taken: '', namespaces: {}, problems: [] };

export async function startTestApi(): Promise<TestApi> {
  const folder = mkdtempSync(join(tmpdir(), 'f-api-'));
  const socket = join(folder, 'api.sock');
  const engine = new FakeEngine();
  const errors: unknown[] = [];
  const services: Services = {
    engine,
    images: fakeImages(),
    volumes: fakeVolumes(),
    files: {
      surroundings: ({ container: { id } }) => ({
        resolvConfPath: `/c/${id}/resolv.conf`,
        hostnamePath: `/c/${id}/hostname`,
        hostsPath: `/c/${id}/hosts`,
        logPath: `/c/${id}/log`,
        sandboxKey: '',
        layers: {},
      }),
    },
    archives: {
      stat: async () => STAT,
      read: async () => ({ stat: STAT, content: await fakeImages().save([]) }),
      write: async (_, __, archive) => {
        for await (const ___ of archive);
      },
      export: () => fakeImages().save([]),
      changes: async () => [],
      size: async () => 0,
    },
    processes: { list: listProcesses, sample: takeSample },
    system: {
      platform: 'Passerelle',
      warnings: [],
      version: '0.1.0',
      commit: 'test',
      hostDefaults: { cgroupNamespace: 'host' },
      cgroupVersion: '1',
      dataRoot: '/data',
      id: 'test',
      kernelVersion: '6',
      operatingSystem: 'Debian',
      osVersion: '12',
      architecture: 'amd64',
      machine: 'x86_64',
      processors: 2,
      memory: 1,
      hostname: 'host',
      insecureRegistries: [],
    },
    snapshots: {
      host: async () => ({}),
      take: async () => EMPTY,
      begin: async () => ({ snapshot: EMPTY, grow: async () => false }),
    },
    live: {
      trace: async () => {
        throw new TraceError('nothing can be sent here');
      },
    },
    clock: new SystemClock(),
  };
  const server = new ApiServer({
    router: apiRouter(services),
    version: '0.1.0',
    log: { debug: () => undefined, error: (fields) => void errors.push(fields) },
  });
  await listen(server.server(), { kind: 'unix', path: socket });
  return {
    socket,
    engine,
    services,
    errors,
    close: async () => {
      await server.close(1000);
      rmSync(folder, { recursive: true });
    },
  };
}
