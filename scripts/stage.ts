/**
 * A stage for the demo and the tests: a namespace that is the host, a second one wired to it that is
 * another machine, and a daemon in the first. Nothing outside of them changes, and `close` removes
 * everything, also what a daemon that was killed has left.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { access, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const HOST_ADDRESS = '198.51.100.1';
export const WORLD_ADDRESS = '198.51.100.2';

/** Where the built program lies. */
export const DIST = resolve(import.meta.dirname, '..', process.env['PASSERELLE_DIST'] ?? 'dist');

const REPLACE_RESOLV_CONF = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly input?: string | Buffer;
  readonly timeout?: number;
}

export class Stage {
  readonly directory: string;
  readonly host: string;
  readonly world: string;
  readonly socket: string;
  /** The docker command line; Debian's comes before any other that is installed. */
  client = '/usr/bin/docker';
  /** A file that the daemon finds in place of the machine's resolv.conf. It then has mounts of its own, which end with it. */
  resolvConf: string | undefined;
  #daemon: ChildProcess | undefined;

  private constructor(directory: string, name: string) {
    this.directory = directory;
    this.host = `${name}-host`;
    this.world = `${name}-world`;
    this.socket = join(directory, 'passerelle.sock');
  }

  /** Makes the namespaces and the wire between them; no daemon yet. */
  static async set(name: string): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), `${name}-`));
    const stage = new Stage(directory, `${name}-${process.pid}`);
    const { host, world } = stage;
    await ip('netns', 'add', host);
    await ip('netns', 'add', world);
    await ip('link', 'add', 'uplink0', 'netns', host, 'type', 'veth', 'peer', 'name', 'uplink0', 'netns', world);
    for (const [netns, address] of [
      [host, HOST_ADDRESS],
      [world, WORLD_ADDRESS],
    ] as const) {
      await ip('-n', netns, 'link', 'set', 'lo', 'up');
      await ip('-n', netns, 'address', 'add', `${address}/24`, 'dev', 'uplink0');
      await ip('-n', netns, 'link', 'set', 'uplink0', 'up');
    }
    await ip('-n', host, 'route', 'add', 'default', 'via', WORLD_ADDRESS);
    return stage;
  }

  get dataRoot(): string {
    return join(this.directory, 'data');
  }

  /** The built program. */
  get program(): string {
    return join(DIST, 'passerelle.js');
  }

  get dockerHost(): string {
    return `unix://${this.socket}`;
  }

  get daemonPid(): number | undefined {
    return this.#daemon?.pid;
  }

  /** Starts the daemon in the host's namespace; resolves when it answers. */
  async startDaemon(...options: string[]): Promise<void> {
    const [command = '', ...args] = [
      ...(this.resolvConf ? ['unshare', '-m', 'sh', '-c', REPLACE_RESOLV_CONF, this.resolvConf] : []),
      'nsenter',
      `--net=/run/netns/${this.host}`,
      process.execPath,
      this.program,
      'daemon',
      '--host',
      this.dockerHost,
      '--data-root',
      this.dataRoot,
      '--exec-root',
      join(this.directory, 'run'),
      ...options,
    ];
    const daemon = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#daemon = daemon;
    const log = createWriteStream(this.logFile, { flags: 'a' });
    daemon.stdout.pipe(log, { end: false });
    daemon.stderr.pipe(log, { end: false });
    for (let attempt = 0; attempt < 200; attempt++) {
      if (daemon.exitCode !== null)
        throw new Error(`the daemon ended with ${daemon.exitCode}:\n${await readFile(this.logFile, 'utf8')}`);
      const { code } = await this.outside('curl', ['-sf', '--unix-socket', this.socket, 'http://localhost/_ping']);
      if (code === 0) return;
      await sleep(50);
    }
    throw new Error(`the daemon does not answer:\n${await readFile(this.logFile, 'utf8')}`);
  }

  get logFile(): string {
    return join(this.directory, 'daemon.log');
  }

  /** Ends the daemon; its containers go on. Gives its exit code, null if the signal ended it. */
  async stopDaemon(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const daemon = this.#daemon;
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return daemon?.exitCode ?? null;
    const ended = new Promise<number | null>((done) => daemon.once('exit', done));
    daemon.kill(signal);
    return ended;
  }

  /** Runs a command in the host's namespace. */
  onHost(command: string, args: readonly string[], options?: CommandOptions): Promise<Output> {
    return this.#in(this.host, command, args, options);
  }

  /** Runs a command on the other machine. */
  onWorld(command: string, args: readonly string[], options?: CommandOptions): Promise<Output> {
    return this.#in(this.world, command, args, options);
  }

  /** Runs a command where the tests run, with DOCKER_HOST set to the daemon. */
  outside(command: string, args: readonly string[], options: CommandOptions = {}): Promise<Output> {
    return perform(command, args, { ...options, env: { DOCKER_HOST: this.dockerHost, ...options.env } });
  }

  /** The docker command line against the daemon; throws if it fails. */
  async docker(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.outside(this.client, args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: exit ${code}: ${stderr}${stdout}`);
    return stdout.trim();
  }

  /** Removes containers, daemon, mounts, namespaces and files. What cannot be removed is told at the end. */
  async close(): Promise<void> {
    const problems: string[] = [];
    const attempt = (task: Promise<unknown>): Promise<unknown> =>
      task.catch((error: unknown) => problems.push(String(error)));
    if (this.#daemon && this.#daemon.exitCode === null && this.#daemon.signalCode === null) {
      const { stdout } = await this.outside(this.client, ['ps', '-aq']);
      const ids = stdout.split('\n').filter(Boolean);
      if (ids.length > 0) await attempt(this.#removeContainers(ids));
      await attempt(this.stopDaemon());
    }
    await attempt(endProcessesOf(this.directory));
    await attempt(this.#unmountAll());
    await attempt(ip('netns', 'delete', this.host));
    await attempt(ip('netns', 'delete', this.world));
    await attempt(rm(this.directory, { recursive: true, force: true }));
    if (problems.length > 0) throw new Error(`clearing up: ${problems.join('; ')}`);
  }

  async #removeContainers(ids: readonly string[]): Promise<void> {
    const { code, stderr } = await this.outside(this.client, ['rm', '-f', '-v', ...ids], { timeout: 60_000 });
    if (code === 0) return;
    const log = (await readFile(this.logFile, 'utf8')).split('\n').slice(-10).join('\n');
    throw new Error(`docker rm: exit ${code}: ${stderr}\nthe daemon's log ends with:\n${log}`);
  }

  async #unmountAll(): Promise<void> {
    const mounts = await readFile('/proc/self/mounts', 'utf8');
    const ours = mounts
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
      .filter((path) => path.startsWith(`${this.directory}/`));
    for (const path of ours.toReversed()) await run('umount', ['-l', path]);
  }

  #in(netns: string, command: string, args: readonly string[], options?: CommandOptions): Promise<Output> {
    return this.outside('nsenter', [`--net=/run/netns/${netns}`, command, ...args], options);
  }
}

/** Runs a command to its end, however it ends. */
export function perform(command: string, args: readonly string[], options: CommandOptions = {}): Promise<Output> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, COMPOSE_PROJECT_NAME: undefined, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeout ?? 120_000,
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (data: Buffer) => out.push(data));
    child.stderr.on('data', (data: Buffer) => err.push(data));
    // A command that does not read its input closes it first.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
    child.once('error', failed);
    child.once('close', (code) =>
      done({ code: code ?? 128, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
  });
}

/** Ends monitors and containers whose command line or parent's names a directory: the ones a killed daemon left. */
export async function endProcessesOf(directory: string): Promise<void> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    if (!command.includes(directory)) continue;
    const children = await readFile(`/proc/${entry}/task/${entry}/children`, 'utf8').catch(() => '');
    for (const pid of [...children.split(' ').filter(Boolean), entry]) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }
}

async function ip(...args: string[]): Promise<void> {
  await run('ip', args);
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
