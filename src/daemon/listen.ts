/** The addresses that the daemon is reached at. */
import { chown, lstat, readFile, unlink } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { connect, isIP, type Server } from 'node:net';
import { dirname } from 'node:path';

export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number };

/** Something about the start that the user must change: its message is all there is to say. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** Reads `unix:///path` or `tcp://127.0.0.1:2375`. */
export function parseHost(host: string): Endpoint {
  const path = /^unix:\/\/(\/.+)$/.exec(host)?.[1];
  if (path !== undefined) {
    // The kernel's limit for the path of a socket.
    if (Buffer.byteLength(path) > 107) throw new StartError(`host ${host}: the path is longer than 107 bytes`);
    return { kind: 'unix', path };
  }
  const [, bracketed, plain, port] = /^tcp:\/\/(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})\/?$/.exec(host) ?? [];
  const address = bracketed ?? (plain === 'localhost' ? '127.0.0.1' : plain);
  if (address === undefined || isIP(address) === 0 || Number(port) > 65_535) {
    throw new StartError(`host ${host}: expected unix:///path/to.sock or tcp://127.0.0.1:PORT`);
  }
  if (!(address.startsWith('127.') || address === '::1')) {
    throw new StartError(
      `host ${host}: whoever reaches the API is root on this machine, so TCP is served on loopback addresses only; ` +
        'use ssh to reach it from elsewhere (docker -H ssh://…)',
    );
  }
  return { kind: 'tcp', address, port: Number(port) };
}

/** Makes the server listen, on a UNIX socket for `group` if there is one. A socket that nobody serves any more is replaced; a served one is refused. */
export async function listen(server: Server, endpoint: Endpoint, group = 'docker'): Promise<void> {
  if (endpoint.kind === 'tcp') {
    await listening(server, () => server.listen(endpoint.port, endpoint.address));
    return;
  }
  const { path } = endpoint;
  try {
    await listenAt(server, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    throw new StartError(`unix://${path}: ${(error as Error).message}: choose another --host, or be root`, {
      cause: error,
    });
  }
  const gid = await groupId(group);
  if (gid !== undefined && process.getuid?.() === 0) await chown(path, 0, gid);
}

async function listenAt(server: Server, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  await removeStale(path);
  // The socket must not be open to all for a moment. Binding happens within the call.
  const umask = process.umask(0o117);
  let bound: Promise<void>;
  try {
    bound = listening(server, () => server.listen(path));
  } finally {
    process.umask(umask);
  }
  await bound;
}

function listening(server: Server, begin: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    begin();
  });
}

async function removeStale(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (!stats) return;
  if (!stats.isSocket()) throw new StartError(`${path} is there and is no socket: remove it or choose another --host`);
  if (await isServed(path)) {
    throw new StartError(`${path} is served by another process: stop that one or choose another --host`);
  }
  await unlink(path);
}

/** Whether somebody accepts connections there. */
export function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function groupId(name: string): Promise<number | undefined> {
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const fields = groups.split('\n').map((line) => line.split(':'));
  const found = fields.find(([group]) => group === name)?.[2];
  return found === undefined ? undefined : Number(found);
}
