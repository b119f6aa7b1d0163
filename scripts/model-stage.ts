/** A stage without a kernel: a daemon over a Linux in memory, and the command lines that are there. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { DIST, exists, perform, type Output } from './stage.ts';

export interface ModelStageOptions {
  /** Commands that Node is started by, and options of Node for the daemon. */
  readonly before?: readonly string[];
  readonly node?: readonly string[];
  /** A folder that may be written; one is made and removed if there is none. */
  readonly directory?: string;
}

export class ModelStage {
  readonly directory: string;
  /** The command lines of docker and compose: Docker's where they are installed, else our own. */
  readonly client: readonly string[];
  readonly composer: readonly string[];
  readonly #daemon: ChildProcess;
  readonly #before: readonly string[];

  private constructor(
    directory: string,
    clients: Pick<ModelStage, 'client' | 'composer'>,
    daemon: ChildProcess,
    before: readonly string[],
  ) {
    this.directory = directory;
    this.client = clients.client;
    this.composer = clients.composer;
    this.#daemon = daemon;
    this.#before = before;
  }

  /** Resolves when the daemon answers. */
  static async set({ before = [], node = [], directory }: ModelStageOptions = {}): Promise<ModelStage> {
    const folder = directory ?? (await mkdtemp(join(tmpdir(), 'passerelle-model-')));
    const program = [process.execPath, PROGRAM];
    const client = (await isInstalled('docker')) ? ['docker'] : program;
    const composer = (await isInstalled('docker-compose')) ? ['docker-compose'] : [...program, 'compose'];
    const options = ['--kernel', 'model', '--host', `unix://${join(folder, SOCKET)}`];
    const [command = '', ...args] = [...before, process.execPath, ...node, PROGRAM, 'daemon', ...options];
    const daemon = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const stage = new ModelStage(folder, { client, composer }, daemon, before);
    await listening(daemon);
    return stage;
  }

  get dockerHost(): string {
    return `unix://${join(this.directory, SOCKET)}`;
  }

  /** Runs a command with DOCKER_HOST set to the daemon. */
  run([command = '', ...args]: readonly string[], options: { cwd?: string; input?: string } = {}): Promise<Output> {
    const [first = command, ...rest] = [...this.#before, command, ...args];
    const env = { DOCKER_HOST: this.dockerHost, HOME: this.directory };
    return perform(first, rest, { cwd: this.directory, ...options, env });
  }

  /** Our own command line. */
  passerelle(...args: readonly string[]): Promise<Output> {
    return this.run([process.execPath, PROGRAM, ...args]);
  }

  /** Gives the daemon's exit code. */
  async close(): Promise<number | null> {
    const ended = new Promise<number | null>((resolve) => this.#daemon.once('exit', resolve));
    this.#daemon.kill();
    const code = await ended;
    await rm(this.directory, { recursive: true, force: true });
    return code;
  }
}

const PROGRAM = join(DIST, 'passerelle.js');
const SOCKET = 'p.sock';

async function isInstalled(program: string): Promise<boolean> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = await Promise.all(folders.map((folder) => exists(join(folder, program))));
  return found.includes(true);
}

function listening(daemon: ChildProcess): Promise<void> {
  return new Promise((resolve, failed) => {
    let log = '';
    const hear = (data: Buffer): void => {
      log += data.toString();
      if (log.includes('API listening')) resolve();
    };
    daemon.stdout!.on('data', hear);
    daemon.stderr!.on('data', hear);
    daemon.once('error', failed);
    daemon.once('exit', () => failed(new Error(`the daemon does not start:\n${log}`)));
  });
}
