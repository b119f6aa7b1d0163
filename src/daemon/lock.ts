/** One daemon for each data root, and one for each network namespace. */
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import * as ffi from '../linux/ffi.ts';
import { StartError } from './listen.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

export interface Lock {
  release(): void;
}

function openLock(dataRoot: string): number {
  try {
    mkdirSync(dataRoot, { recursive: true, mode: 0o711 });
    return openSync(join(dataRoot, 'daemon.lock'), 'a+', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    throw new StartError(
      `${(error as Error).message}: the daemon needs root; with --kernel model it simulates all, and needs none`,
      { cause: error },
    );
  }
}

/** The kernel gives the lock back when the process ends, however it ends. */
export function lockDataRoot(dataRoot: string): Lock {
  const fd = openLock(dataRoot);
  try {
    ffi.flock(fd, LOCK_EX | LOCK_NB);
  } catch (error) {
    const holder = readFileSync(fd, 'utf8').trim();
    closeSync(fd);
    if (!(error instanceof ffi.SystemError && error.code === 'EAGAIN')) throw error;
    throw new StartError(
      `another daemon (pid ${holder}) uses the data in ${dataRoot}: stop it, or give this one another --data-root and --exec-root`,
      { cause: error },
    );
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  return { release: () => closeSync(fd) };
}

/** Names without a file belong to a network namespace: who has this one owns the rules there. */
const NAMESPACE_LOCK = '\0passerelle';

/** Two daemons in one network namespace would write the same chains and bridges, whatever their data is. */
export function lockNetworkNamespace(name = NAMESPACE_LOCK): Promise<Lock> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      reject(
        new StartError(
          'another daemon runs in this network namespace and owns its rules and bridges: stop it, or start this one in a namespace of its own (ip netns add NAME; nsenter --net=/run/netns/NAME …)',
          { cause: error },
        ),
      );
    });
    server.listen(name, () => resolve({ release: () => server.close() }));
    server.unref();
  });
}

/** Refuses to start beside a dockerd in the same network namespace: both would write the chain DOCKER and its kin. */
export async function refuseBesideDocker(): Promise<void> {
  const pid = await findInNamespace('dockerd');
  if (pid === undefined) return;
  throw new StartError(
    `dockerd (pid ${pid}) runs in this network namespace and owns the same chains and bridges: ` +
      'stop it (systemctl stop docker.service docker.socket), or start this daemon in a network namespace of its own ' +
      '(ip netns add NAME; nsenter --net=/run/netns/NAME …)',
  );
}

/** The pid of a process of that name in our network namespace. */
export async function findInNamespace(name: string): Promise<number | undefined> {
  const ours = await readlink('/proc/self/ns/net');
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    // Processes come and go while we look.
    const comm = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    if (comm.trim() !== name) continue;
    if ((await readlink(`/proc/${pid}/ns/net`).catch(() => '')) === ours) return Number(pid);
  }
  return undefined;
}
