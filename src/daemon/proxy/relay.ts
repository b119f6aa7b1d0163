import { writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { EDGE, Epoll, READABLE } from '../../linux/epoll.ts';
import * as ffi from '../../linux/ffi.ts';
import { closeSocket, openTcpListener, setStreamOptions, socketAddress } from '../../linux/socket.ts';
import type { ListenerObject } from '../../core/plan/object.ts';
import type { Held, Warn } from '../held.ts';
import { ListenerTable } from './listener-table.ts';
import { KIND, type RelaySettings } from './relay-protocol.ts';

const EFD_NONBLOCK_CLOEXEC = 0o2004000;
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/** The thread keeps no more than its connections' states: what they carry stays in the kernel (MB). */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 256 };

/**
 * Carries TCP connections to host ports on to their targets, on a thread of its own that is started
 * with the first port. Ports are opened and closed here, so that they are taken, or free, at once.
 */
export class Relay {
  readonly #warn: Warn;
  readonly #bundle: URL;
  #running: Running | undefined;

  /** `bundle`: that of `relay-thread.ts`; undefined: `relay-thread.js` beside the bundle that this is in. */
  constructor(warn: Warn, bundle = new URL('relay-thread.js', import.meta.url)) {
    this.#warn = warn;
    this.#bundle = bundle;
  }

  /** Takes the port. Throws SystemError, as of EADDRINUSE. */
  open({ address, port, target }: ListenerObject): Held {
    const fd = openTcpListener(address, port);
    setStreamOptions(fd);
    const { listeners, epoll, wake } = (this.#running ??= this.#start());
    const id = listeners.put(fd, socketAddress(target.address, target.port));
    epoll.add(fd, READABLE, KIND.listener, id.slot);
    return {
      close() {
        listeners.remove(id, () => {
          epoll.remove(fd);
          closeSocket(fd);
        });
        // Its connections end too.
        wake();
      },
    };
  }

  /** Ends the thread, and with it all connections. Ports must be closed before. */
  async close(): Promise<void> {
    await this.#running?.close();
    this.#running = undefined;
  }

  #start(): Running {
    const listeners = new ListenerTable();
    const epoll = new Epoll();
    const waker = ffi.eventfd(0, EFD_NONBLOCK_CLOEXEC);
    epoll.add(waker, READABLE | EDGE, KIND.wake, 0);
    const wake = (): void => void writeSync(waker, ONE);
    const stop = (): void => {
      listeners.stop();
      wake();
    };
    const settings: RelaySettings = { listeners: listeners.shared, epoll: epoll.fd };
    const thread = new Worker(this.#bundle, { workerData: settings, resourceLimits: LIMITS });
    thread.on('message', this.#warn);
    thread.on('error', (error) => {
      throw new Error(`the userland proxy's thread has failed: ${String(error)}`, { cause: error });
    });
    // A thread that waits for the kernel hears of no end but this.
    process.once('exit', stop);
    const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    return {
      listeners,
      epoll,
      wake,
      async close() {
        stop();
        await exited;
        process.off('exit', stop);
        epoll.close();
        ffi.close(waker);
      },
    };
  }
}

interface Running {
  readonly listeners: ListenerTable;
  readonly epoll: Epoll;
  readonly wake: () => void;
  close(): Promise<void>;
}
