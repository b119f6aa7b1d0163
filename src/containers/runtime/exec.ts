/**
 * A second process in a running container. Its monitor hands its exit code back at once.
 *
 * Without a terminal, the process has pipes of ours as standard streams: nothing is copied on the way,
 * and a reader that is slow slows the process down. With one, the monitor holds the terminal and writes
 * its log into a FIFO that is read as it comes.
 */
import { closeSync, constants, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../../core/engine/clock.ts';
import { type ExecProcess, type Input, type OutputChunk, RuntimeError } from '../../core/engine/runtime.ts';
import { openPipe } from '../../linux/pipe.ts';
import { makeNode } from '../../linux/mount.ts';
import { execFailure } from './failure.ts';
import { readIfPresent } from './files.ts';
import { Channel } from './iteration.ts';
import { LogParser } from './log/line.ts';
import { Monitor, lastError, type MonitorStart } from './monitor.ts';
import type { OciProcess } from './oci/config.ts';
import { sendSignal } from './process.ts';
import { AttachedInput } from './stdin.ts';
import { TerminalSize } from './terminal.ts';

/** How long output is waited for after its process has ended: its own children may hold the pipes for ever. */
const LAST_OUTPUT = 500;

const SIGKILL = 9;

/** The exit code of a process whose monitor was killed, and it with it. */
const KILLED = 137;

export interface ExecStart {
  readonly id: string;
  readonly containerId: string;
  readonly process: OciProcess;
  readonly stdin: boolean;
  /** A directory for this exec alone; removed when it has ended. */
  readonly directory: string;
  readonly clock: Clock;
  /** A monitor's program, environment and the arguments that all monitors have. */
  readonly monitor: Pick<MonitorStart, 'program' | 'args' | 'environment'>;
}

/** @throws RuntimeError if the process could not be started */
export async function startExec(start: ExecStart): Promise<ExecProcess> {
  const { directory, process } = start;
  const spec = join(directory, 'process.json');
  const log = join(directory, 'runtime.log');
  mkdirSync(directory, { recursive: true });
  writeFileSync(spec, JSON.stringify(process));
  const streams = process.terminal ? terminalStreams(directory, start.stdin) : pipeStreams(start.stdin, start.clock);
  const monitor = Monitor.start({
    ...start.monitor,
    directory,
    fifo: join(directory, 'monitor'),
    args: [
      ...start.monitor.args,
      '--exec',
      `--exec-process-spec=${spec}`,
      `--cid=${start.containerId}`,
      `--cuuid=${start.id}`,
      `--container-pidfile=${join(directory, 'pid')}`,
      `--runtime-arg=--log=${log}`,
      ...streams.args,
      ...(start.stdin ? ['--stdin'] : []),
    ],
    ...(streams.stdio && { stdio: streams.stdio }),
  });
  const first = await monitor.next();
  streams.started();
  if (!first || first.data <= 0) {
    await streams.channel.return();
    await monitor.ended;
    const cause = lastError(readIfPresent(log) ?? '') ?? first?.message ?? monitor.failure;
    await rm(directory, { recursive: true, force: true });
    throw execFailure(cause);
  }

  let hasExited = false;
  const exited = monitor.next().then((last) => {
    hasExited = true;
    streams.ended();
    return last?.data ?? KILLED;
  });
  // What cannot be removed goes when the container's run is cleaned.
  monitor.ended.then(() => rm(directory, { recursive: true, force: true })).catch(() => {});
  const size = new TerminalSize(directory);
  return {
    pid: first.data,
    output: streams.channel,
    input: streams.input,
    exited,
    // The monitor reaps the process and tells so at once: until then the pid is no other's.
    kill: () => {
      if (!hasExited) sendSignal(first.data, SIGKILL);
    },
    resize: (columns, rows) => (process.terminal ? size.set(columns, rows) : Promise.resolve()),
  };
}

interface Streams {
  readonly args: readonly string[];
  readonly stdio?: NonNullable<MonitorStart['stdio']>;
  readonly channel: Channel<OutputChunk>;
  /** To be called when the process has started, or could not be. */
  started(): void;
  /** To be called when the process has ended. */
  ended(): void;
  readonly input: Input;
}

function terminalStreams(directory: string, stdin: boolean): Streams {
  const fifo = join(directory, 'output');
  makeNode(fifo, 'fifo', 0o600);
  // Held until the monitor has opened it, so that there is no end before the beginning.
  const writer = openSync(fifo, constants.O_RDWR);
  const socket = reader(openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK));
  const channel = new Channel<OutputChunk>(sourceOf([socket]));
  const parser = new LogParser();
  socket.on('data', (block: Buffer) => {
    for (const chunk of parser.push(block)) channel.push(chunk);
  });
  socket.once('close', () => channel.end());
  return {
    args: ['--terminal', `--bundle=${directory}`, '--full-attach', `--log-path=k8s-file:${fifo}`],
    channel,
    started: () => closeSync(writer),
    ended: () => {},
    input: stdin ? lateInput(() => AttachedInput.connect(directory)) : NO_INPUT,
  };
}

function pipeStreams(stdin: boolean, clock: Clock): Streams {
  const [output, errors] = [openPipe(), openPipe()];
  const source = stdin ? openPipe() : undefined;
  const sockets = [reader(output.read), reader(errors.read)] as const;
  const channel = new Channel<OutputChunk>(sourceOf(sockets));
  let open = sockets.length;
  for (const [index, stream] of (['stdout', 'stderr'] as const).entries()) {
    sockets[index]?.on('data', (data: Buffer) => channel.push({ stream, data, time: clock.now() }));
    sockets[index]?.once('close', () => {
      open--;
      if (open === 0) channel.end();
    });
  }
  return {
    args: ['--log-path=passthrough'],
    stdio: [source?.read ?? null, output.write, errors.write],
    channel,
    started: () => {
      for (const fd of [source?.read, output.write, errors.write]) if (fd !== undefined) closeSync(fd);
    },
    ended: () => closeWhenIdle(sockets, () => channel.empty),
    input: source ? new PipeInput(source.write) : NO_INPUT,
  };
}

/** Closes what is still open when nothing has come for a while and the consumer has taken all. */
function closeWhenIdle(sockets: readonly Socket[], taken: () => boolean): void {
  const check = (read: number): void => {
    const now = sockets.reduce((sum, socket) => sum + socket.bytesRead, 0);
    if (sockets.every((socket) => socket.destroyed)) return;
    if (now === read && taken()) for (const socket of sockets) socket.destroy();
    // After a stall the timer comes before what waits in the pipes is read: look once that has been.
    else setTimeout(() => setImmediate(check, now), LAST_OUTPUT).unref();
  };
  check(-1);
}

function reader(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: false });
}

function sourceOf(sockets: readonly Socket[]): { pause(): void; resume(): void; close(): void } {
  return {
    pause: () => sockets.forEach((socket) => socket.pause()),
    resume: () => sockets.forEach((socket) => socket.resume()),
    close: () => sockets.forEach((socket) => socket.destroy()),
  };
}

/** A process that was started without standard input reads its end at once; what is sent to it goes nowhere. */
const NO_INPUT: Input = { write: () => Promise.resolve(), end: () => Promise.resolve() };

/** Connects when the first bytes come: the process may have ended by then, or never be sent any. */
function lateInput(connect: () => Promise<Input>): Input {
  let connected: Promise<Input> | undefined;
  return {
    write: async (data) => (await (connected ??= connect())).write(data),
    end: async () => (await connected)?.end(),
  };
}

class PipeInput implements Input {
  readonly #socket: Socket;
  #failure: Error | undefined;

  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: false, writable: true });
    this.#socket.on('error', (error) => (this.#failure = error));
  }

  write(data: Uint8Array): Promise<void> {
    if (this.#failure || this.#socket.destroyed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      this.#socket.write(data, (error) => (error ? reject(closed()) : resolve()));
    });
  }

  end(): Promise<void> {
    this.#socket.end();
    return Promise.resolve();
  }
}

const closed = (): RuntimeError => new RuntimeError('standard input is closed: the process has ended');
