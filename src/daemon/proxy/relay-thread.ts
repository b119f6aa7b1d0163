/**
 * The thread that carries the userland proxy's connections: the entry of a worker. It waits for the
 * kernel, not for messages: what it must hear of from the other thread stands in the table of
 * listeners.
 */
import { closeSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Epoll } from '../../linux/epoll.ts';
import { describeErrno, SystemError } from '../../linux/ffi.ts';
import { closeSocket, connectTcp, resetOnClose, tryAccept } from '../../linux/socket.ts';
import { Connection, type Side } from './connection.ts';
import { ListenerTable } from './listener-table.ts';
import { Pipes } from './pipes.ts';
import { KIND, type RelaySettings } from './relay-protocol.ts';

/** Connections that are accepted from one socket before others have their turn. */
const AT_ONCE = 64;
/** Errors that come from what all have too little of. */
const SHORTAGE = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);
/** Between two warnings of it, and before the next attempt when nothing helps (ms). */
const WARN_INTERVAL = 60_000;
const PAUSE = 20;

const settings = workerData as RelaySettings;
const listeners = new ListenerTable(settings.listeners);
const epoll = new Epoll(settings.epoll);
const pipes = new Pipes();
const sides = new Map<number, Side>();
/** A number that is still told of must not be given to another socket: closed when all was told. */
const closing: number[] = [];
const around = { epoll, pipes, sides, kind: KIND.side, close: (fd: number) => void closing.push(fd) };

/** Given up when there are no more fds, so that a client can be turned away instead of waiting for ever. */
let spare: number | undefined = openSync('/dev/null', 'r');
let warned = -Infinity;
const nothing = new Int32Array(new SharedArrayBuffer(4));

while (!listeners.isStopped) {
  epoll.wait(proceed);
  for (const fd of closing.splice(0)) closeSocket(fd);
}
for (const { connection } of sides.values()) connection.end();
for (const fd of closing) closeSocket(fd);
pipes.close();
if (spare !== undefined) closeSync(spare);

function proceed(kind: number, id: number, events: number): void {
  switch (kind) {
    case KIND.listener:
      for (let count = 0; count < AT_ONCE && accept(id); count++);
      return;
    case KIND.wake:
      for (const { connection } of sides.values()) if (!listeners.isOpen(connection.listener)) connection.end();
      return;
    default: {
      const side = sides.get(id);
      try {
        side?.connection.proceed(side, events);
      } catch (error) {
        warnOf(error);
        side?.connection.abort();
      }
    }
  }
}

/** Takes one connection. False: there is none, or none can be taken now. */
function accept(slot: number): boolean {
  const accepted = listeners.use(slot, tryAccept);
  if (!accepted) return false;
  const { result: client, listener, target } = accepted;
  if (client < 0) return isShortage(describeErrno(-client).code) && turnAway(slot);
  let connection: Connection | undefined;
  try {
    connection = new Connection(listener, client, connectTcp(target), around);
    connection.start();
  } catch (error) {
    warnOf(error);
    if (connection) connection.abort();
    else reset(client);
  }
  return true;
}

/** For want of a file descriptor a waiting client would be told of again and again: it is sent away. */
function turnAway(slot: number): boolean {
  if (spare !== undefined) closeSync(spare);
  spare = undefined;
  const client = listeners.use(slot, tryAccept)?.result ?? -1;
  if (client >= 0) reset(client);
  else Atomics.wait(nothing, 0, 0, PAUSE);
  try {
    spare = openSync('/dev/null', 'r');
  } catch {
    // Others were quicker: until there is one again, there are pauses.
  }
  return client >= 0;
}

function reset(client: number): void {
  resetOnClose(client);
  closeSocket(client);
}

/** A target that cannot be reached is the client's to hear of; of a shortage the administrator must. */
function warnOf(error: unknown): void {
  if (!(error instanceof SystemError)) throw error;
  isShortage(error.code);
}

/** Tells of a shortage, if it is one. */
function isShortage(code: string): boolean {
  if (!SHORTAGE.has(code)) return false;
  const now = performance.now();
  if (now - warned >= WARN_INTERVAL) {
    warned = now;
    const warning =
      `userland proxy: connections are ended for want of file descriptors or memory (${code}); ` +
      'see the limit of open files of the daemon (LimitNOFILE) and fs.file-max';
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin
    parentPort!.postMessage(warning);
  }
  return true;
}
