/** A runtime of its own for a test, with an image made of busybox alone. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerConfig, HostConfig } from '../../src/core/container/config.ts';
import type { ContainerMount, ContainerRecord } from '../../src/core/container/container.ts';
import type { Clock } from '../../src/core/engine/clock.ts';
import type { Exit, OutputChunk, StartSpec } from '../../src/core/engine/runtime.ts';
import { ConmonRuntime } from '../../src/containers/runtime/runtime.ts';
import { rfc3339 } from '../../src/containers/runtime/time.ts';

export const clock: Clock = {
  now: () => rfc3339(BigInt(Date.now()) * 1_000_000n),
  milliseconds: () => Date.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return { cancel: () => clearTimeout(timer) };
  },
  hex: (bytes) => randomBytes(bytes).toString('hex'),
};

const APPLETS =
  'sh true false cat echo sleep id stty ls mount ps kill touch head seq dd printf grep env pwd nproc'.split(' ');

/** Directories: `data`, `run` and the image's only layer. */
export interface Place {
  readonly top: string;
  readonly layer: string;
}

export async function makePlace(): Promise<Place> {
  const top = await mkdtemp('/tmp/e-runtime-');
  const layer = join(top, 'layer');
  await mkdir(join(layer, 'bin'), { recursive: true });
  await mkdir(join(layer, 'etc'));
  await mkdir(join(layer, 'stuff/deep'), { recursive: true });
  await mkdir(join(layer, 'tmp'), { mode: 0o1777 });
  await cp('/bin/busybox', join(layer, 'bin/busybox'));
  await Promise.all(APPLETS.map((name) => symlink('busybox', join(layer, 'bin', name))));
  await writeFile(join(layer, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nann:x:1000:1001:Ann:/home/ann:/bin/sh\n');
  await writeFile(join(layer, 'etc/group'), 'root:x:0:\nstaff:x:50:ann\nann:x:1001:\nextra:x:60:\n');
  await writeFile(join(layer, 'etc/plain'), 'not a program\n', { mode: 0o644 });
  await writeFile(join(layer, 'stuff/deep/file'), 'from the image\n', { mode: 0o640 });
  return { top, layer };
}

export async function removePlace({ top }: Place): Promise<void> {
  await rm(top, { recursive: true, force: true });
}

export function openRuntime({ top, layer }: Place): ConmonRuntime {
  return new ConmonRuntime({
    dataRoot: join(top, 'data'),
    runRoot: join(top, 'run'),
    layers: () => [layer],
    clock,
    cgroupParent: top.slice('/tmp/'.length),
  });
}

export interface Wanted {
  readonly config?: Partial<ContainerConfig>;
  readonly host?: Partial<HostConfig>;
  readonly mounts?: readonly ContainerMount[];
}

export function record(args: readonly string[], wanted: Wanted = {}): ContainerRecord {
  const id = randomBytes(32).toString('hex');
  return {
    id,
    name: `e-${id.slice(0, 8)}`,
    created: clock.now(),
    imageId: 'sha256:0',
    args,
    config: {
      Hostname: id.slice(0, 12),
      Domainname: '',
      User: '',
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      OpenStdin: false,
      StdinOnce: false,
      Env: null,
      Cmd: null,
      Image: 'busybox',
      Volumes: null,
      WorkingDir: '',
      Entrypoint: null,
      OnBuild: null,
      Labels: {},
      ...wanted.config,
    },
    hostConfig: {
      Binds: null,
      LogConfig: { Type: 'json-file', Config: {} },
      NetworkMode: 'none',
      PortBindings: {},
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      AutoRemove: false,
      VolumesFrom: null,
      CapAdd: null,
      CapDrop: null,
      Dns: [],
      DnsOptions: [],
      DnsSearch: [],
      ExtraHosts: null,
      GroupAdd: null,
      IpcMode: 'private',
      PidMode: '',
      Links: null,
      Privileged: false,
      PublishAllPorts: false,
      ReadonlyRootfs: false,
      SecurityOpt: null,
      ShmSize: 0,
      Ulimits: null,
      Memory: 0,
      MemorySwap: 0,
      NanoCpus: 0,
      CpuShares: 0,
      CpuQuota: 0,
      CpuPeriod: 0,
      PidsLimit: null,
      Devices: null,
      MaskedPaths: null,
      ReadonlyPaths: null,
      ...wanted.host,
    },
    state: {
      status: 'created',
      pid: 0,
      exitCode: 0,
      error: '',
      startedAt: '0001-01-01T00:00:00Z',
      finishedAt: '0001-01-01T00:00:00Z',
      stoppedByUser: false,
      oomKilled: false,
    },
    restartCount: 0,
    mounts: wanted.mounts ?? [],
    networks: {},
  };
}

export async function collect(chunks: AsyncIterable<OutputChunk>): Promise<{ stdout: Buffer; stderr: Buffer }> {
  const output = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for await (const { stream, data } of chunks) output[stream].push(data);
  return { stdout: Buffer.concat(output.stdout), stderr: Buffer.concat(output.stderr) };
}

export const EVERYTHING = { stdout: true, stderr: true, follow: false } as const;

/** Runs a container to its end and takes it away. */
export async function runToEnd(
  runtime: ConmonRuntime,
  container: ContainerRecord,
  more: Omit<StartSpec, 'container' | 'networkNamespace'> = {},
): Promise<{ readonly exit: Exit; readonly stdout: string; readonly stderr: string }> {
  await runtime.prepare(container);
  try {
    await runtime.create({ container, networkNamespace: null, ...more });
    await runtime.start(container.id);
    const exit = await runtime.exited(container.id);
    const { stdout, stderr } = await collect(runtime.logs(container.id, EVERYTHING));
    return { exit, stdout: stdout.toString(), stderr: stderr.toString() };
  } finally {
    await runtime.clean(container.id);
    await runtime.remove(container.id);
  }
}
