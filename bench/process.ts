/** Processes in namespaces. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const LIMIT = 64 * 1024 * 1024;

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
}

/** Runs a program; gives what it wrote. Throws, with what it said, if it fails. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { input, ...others } = options;
  const running = execute(program, args, { ...others, maxBuffer: LIMIT });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

/** The words that run a program in the network namespace at a path. */
export const inside = (namespace: string, ...words: readonly string[]): string[] => [`--net=${namespace}`, ...words];

export const named = (netns: string): string => `/run/netns/${netns}`;
export const ofProcess = (pid: number): string => `/proc/${pid}/ns/net`;

const PROBE = join(import.meta.dirname, 'probe.js');

/** Whoever asks and whoever answers have a processor each, so that it is the same way each time from one to the other. */
const onProcessor = (number: number, ...words: readonly string[]): string[] => ['taskset', '-c', `${number}`, ...words];

/** Runs our probe in a namespace; gives what it found. */
export async function probe<T>(namespace: string, ...words: readonly string[]): Promise<T> {
  const command = onProcessor(availableParallelism() - 1, process.execPath, PROBE, ...words);
  return JSON.parse(await run('nsenter', inside(namespace, ...command))) as T;
}

/** A server in a namespace, from when it says that it is ready until `close`. */
export class Server {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async start(namespace: string, ...words: readonly string[]): Promise<Server> {
    const child = spawn('nsenter', inside(namespace, ...words), { stdio: ['ignore', 'pipe', 'inherit'] });
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`${words.join(' ')} ended with ${code}`);
      }),
    ]);
    child.stdout.resume();
    return new Server(child);
  }

  /** A server that takes connections on a port and closes them. */
  static accepting(namespace: string, port: number): Promise<Server> {
    return Server.start(namespace, ...onProcessor(0, process.execPath, PROBE, 'accept', String(port)));
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}

/** Removes the namespaces that are named after this process: what was interrupted may have left some. */
export async function removeNamespaces(): Promise<void> {
  const listed = await run('ip', ['netns', 'list']);
  const ours = listed
    .split('\n')
    .map((line) => line.split(' ')[0]!)
    .filter((name) => name.startsWith('bench-') && name.split('-').includes(String(process.pid)));
  for (const name of ours) await run('ip', ['netns', 'delete', name]);
}
