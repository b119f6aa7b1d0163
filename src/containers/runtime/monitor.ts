/**
 * conmon, the small monitor that each container has: it holds the container's standard streams, writes
 * its output to the log and its exit code to a file, and outlives the engine.
 *
 * What ties an engine to a monitor is a FIFO whose only writer is the monitor. It brings conmon's
 * messages (the pid, or why there is none), and it ends when the monitor has ended, its last file
 * written, however it ended. An engine that starts anew opens it again: no polling, nothing missed.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { makeNode } from '../../linux/mount.ts';
import { openPipe } from '../../linux/pipe.ts';
import { reap, startProcess } from '../../linux/spawn.ts';
import { isMissing } from './files.ts';

/** A pid or an exit code; below zero: a failure. */
export interface MonitorMessage {
  readonly data: number;
  readonly message?: string;
}

export interface MonitorStart {
  readonly program: string;
  readonly args: readonly string[];
  /** Its working directory. */
  readonly directory: string;
  readonly fifo: string;
  /** File descriptors to use as standard streams; undefined: none, and what it complains of is its `failure`. */
  readonly stdio?: readonly [number | null, number, number];
  readonly environment: Readonly<Record<string, string>>;
}

export class Monitor {
  /** Resolves when the monitor is gone, and with it all that it had to write is written; never after `close`. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #messages: MonitorMessage[] = [];
  #waiting: ((message: MonitorMessage | undefined) => void)[] = [];
  #failure = '';
  #closed = false;

  private constructor(fifo: number) {
    this.#socket = new Socket({ fd: fifo, readable: true, writable: false });
    // Nobody may take our own going for the monitor's: its container would be ended for it.
    this.ended = new Promise((resolve) => this.#socket.once('close', () => !this.#closed && resolve()));
    let text = '';
    this.#socket.on('data', (block: Buffer) => {
      const lines = (text + block.toString()).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) this.#push(parseMessage(line));
    });
    this.#socket.on('error', (error) => (this.#failure += error.message));
    this.#socket.once('close', () => {
      for (const waiting of this.#waiting) waiting(undefined);
      this.#waiting = [];
    });
  }

  /** Starts a monitor in a session of its own. */
  static start(start: MonitorStart): Monitor {
    makeNode(start.fifo, 'fifo', 0o600);
    // Open to read as well, so that the monitor can write even when no engine is there to listen.
    const writer = openSync(start.fifo, constants.O_RDWR);
    let monitor: Monitor;
    try {
      monitor = new Monitor(openSync(start.fifo, constants.O_RDONLY | constants.O_NONBLOCK));
      monitor.#start(start, writer);
    } finally {
      closeSync(writer);
    }
    return monitor;
  }

  #start(start: MonitorStart, writer: number): void {
    const complaints = start.stdio ? undefined : this.#complaints();
    try {
      const pid = startProcess({
        program: start.program,
        args: ['--sync', ...start.args],
        directory: start.directory,
        environment: { ...start.environment, _OCI_SYNCPIPE: '3', TZ: 'UTC0' },
        files: [...(start.stdio ?? [null, null, complaints!]), writer],
      });
      this.#socket.once('close', () => reap(pid));
    } catch (error) {
      this.#failure += `${start.program}: ${(error as Error).message}`;
    } finally {
      if (complaints !== undefined) closeSync(complaints);
    }
  }

  /** A pipe for its standard error, until it is on its own: gives the end to write to. */
  #complaints(): number {
    const { read, write } = openPipe();
    const socket = new Socket({ fd: read, readable: true, writable: false }).unref();
    socket.on('data', (block: Buffer) => (this.#failure += block.toString()));
    socket.on('error', (error) => (this.#failure += error.message));
    return write;
  }

  /** The monitor that an earlier engine started; undefined if it has ended. */
  static find(fifo: string): Monitor | undefined {
    let fd: number;
    try {
      fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    try {
      // Without a writer there is nothing to read; with one there is nothing yet.
      readSync(fd, Buffer.alloc(4096));
      closeSync(fd);
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return new Monitor(fd);
      closeSync(fd);
      throw error;
    }
  }

  /** The next message; undefined when the monitor has ended without one. */
  next(): Promise<MonitorMessage | undefined> {
    const message = this.#messages.shift();
    if (message || this.#socket.closed) return Promise.resolve(message);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** What the monitor itself complained of. */
  get failure(): string {
    return this.#failure;
  }

  /** Stops listening; the monitor and its container go on. */
  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #push(message: MonitorMessage): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(message);
    else this.#messages.push(message);
  }
}

/** A message that is not the JSON that it should be is an error's text with bytes in it that conmon left as they were. */
function parseMessage(line: string): MonitorMessage {
  try {
    return JSON.parse(line) as MonitorMessage;
  } catch {
    return { data: -1, message: line };
  }
}

/** Why a monitor could not start its process: the OCI runtime's last word in its log, else conmon's own. */
export function lastError(log: string): string | undefined {
  const errors = log.split('\n').flatMap((line) => {
    try {
      const { level, msg } = JSON.parse(line) as { level?: string; msg?: string };
      return level === 'error' && msg ? [msg] : [];
    } catch {
      return [];
    }
  });
  return errors.at(-1);
}
