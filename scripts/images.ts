/**
 * Images made on the spot from Debian's packages, for the demo and the tests where no registry can
 * be reached: `busybox:1.36` of `busybox-static`, and `registry:2.7.1` of `docker-registry` upon it.
 * The same packages give the same image ids.
 */
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import tar from 'tar-stream';
import { writeArchive } from '../src/containers/images/archive.ts';
import { digestOf } from '../src/containers/images/digest.ts';
import { machinePlatform } from '../src/containers/images/manifest.ts';

const run = promisify(execFile);

const BUSYBOX = '/bin/busybox';
const REGISTRY = '/usr/bin/docker-registry';

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** As the original image has it: storage in the volume, port 5000 on all addresses. */
const REGISTRY_CONFIG = `version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
`;

/** What stands at a path: a file's content, a folder, or a link to elsewhere. */
type Entry =
  | { readonly content: Uint8Array | string; readonly mode?: number }
  | { readonly folder: true; readonly mode?: number }
  | { readonly link: string };

/** By absolute path; missing parents are made. */
type Tree = Readonly<Record<string, Entry>>;

interface Layer {
  readonly archive: Buffer;
  readonly diffId: string;
  readonly createdBy: string;
}

/** Writes a docker archive of `busybox:1.36`: a shell and the usual tools in one program. */
export async function writeBusyboxArchive(path: string): Promise<void> {
  const config = { Env: [PATH], Cmd: ['sh'] };
  await writeImage(path, 'busybox:1.36', config, [await busyboxLayer()], await madeAt(BUSYBOX));
}

/** Writes a docker archive of `registry:2.7.1`: a registry that serves on port 5000. */
export async function writeRegistryArchive(path: string): Promise<void> {
  const tree: Tree = {
    ...(await program(REGISTRY)),
    '/etc/docker/registry/config.yml': { content: REGISTRY_CONFIG },
    '/var/lib/registry': { folder: true },
  };
  const config = {
    Env: [PATH],
    Entrypoint: ['docker-registry', 'serve'],
    Cmd: ['/etc/docker/registry/config.yml'],
    ExposedPorts: { '5000/tcp': {} },
    Volumes: { '/var/lib/registry': {} },
  };
  const layers = [await busyboxLayer(), await layer(tree, 'docker-registry of Debian')];
  await writeImage(path, 'registry:2.7.1', config, layers, await madeAt(REGISTRY));
}

async function busyboxLayer(): Promise<Layer> {
  const { stdout } = await run(BUSYBOX, ['--list']);
  const applets = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
  const tree: Tree = {
    '/bin/busybox': { content: await readFile(BUSYBOX), mode: 0o755 },
    ...Object.fromEntries(applets.map((name) => [`/bin/${name}`, { link: 'busybox' }])),
    ...(await libraries(BUSYBOX)),
    '/etc/passwd': { content: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' },
    '/etc/group': { content: 'root:x:0:\nnogroup:x:65534:\n' },
    '/root': { folder: true, mode: 0o700 },
    '/tmp': { folder: true, mode: 0o1777 },
    '/var/tmp': { folder: true, mode: 0o1777 },
    '/usr/bin': { folder: true },
    '/dev': { folder: true },
    '/proc': { folder: true },
    '/sys': { folder: true },
  };
  return layer(tree, 'busybox of Debian');
}

/** A program of this machine, with the libraries that it loads. */
async function program(path: string): Promise<Tree> {
  return { [path]: { content: await readFile(path), mode: 0o755 }, ...(await libraries(path)) };
}

/** The libraries and the loader that `ldd` names, each where it is looked for; none for a static program. */
async function libraries(path: string): Promise<Tree> {
  // ldd fails for a static program.
  const { stdout } = await run('ldd', [path]).catch(() => ({ stdout: '' }));
  const found = [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x[0-9a-f]+\)/g)].map((match) => match[1]!);
  const files = found.map(async (file) => [file, { content: await readFile(file), mode: 0o755 }] as const);
  return Object.fromEntries(await Promise.all(files));
}

/** When a package's file was made: the same on every machine that has the package. */
async function madeAt(path: string): Promise<Date> {
  return (await stat(await realpath(path))).mtime;
}

async function layer(tree: Tree, createdBy: string): Promise<Layer> {
  const pack = tar.pack();
  for (const [path, entry] of Object.entries(withParents(tree))) {
    const header = { name: path.slice(1), mtime: new Date(0), uid: 0, gid: 0 };
    if ('link' in entry) pack.entry({ ...header, type: 'symlink', linkname: entry.link });
    else if ('folder' in entry) pack.entry({ ...header, type: 'directory', mode: entry.mode ?? 0o755 });
    else pack.entry({ ...header, mode: entry.mode ?? 0o644 }, Buffer.from(entry.content));
  }
  pack.finalize();
  const archive = await buffer(pack);
  return { archive, diffId: digestOf(archive), createdBy };
}

/** The tree with all folders that its paths lie in, each before what it holds. */
function withParents(tree: Tree): Tree {
  const whole = new Map<string, Entry>(Object.entries(tree));
  for (const path of Object.keys(tree)) {
    for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) {
      if (!whole.has(folder)) whole.set(folder, { folder: true });
    }
  }
  return Object.fromEntries([...whole].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function writeImage(
  path: string,
  tag: string,
  config: object,
  layers: readonly Layer[],
  made: Date,
): Promise<void> {
  const created = made.toISOString();
  const { architecture, os } = machinePlatform(process.arch);
  const diffIds = layers.map(({ diffId }) => diffId);
  const history = layers.map(({ createdBy }) => ({ created, created_by: createdBy }));
  const rootfs = { type: 'layers', diff_ids: diffIds };
  const content = Buffer.from(JSON.stringify({ architecture, os, created, config, history, rootfs }));
  const source = { config: content, id: digestOf(content), created, tags: [tag], diffIds };
  const archives = new Map(layers.map(({ diffId, archive }) => [diffId, archive]));
  const archive = writeArchive([source], (diffId) => {
    const bytes = archives.get(diffId)!;
    return { size: bytes.length, content: once(bytes) };
  });
  await pipeline(archive, createWriteStream(path));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
