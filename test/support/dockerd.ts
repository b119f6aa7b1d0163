/** dockerd in a namespace and data folder of its own: the reference that we are compared with. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { endProcessesOf } from '../../scripts/stage.ts';

const run = promisify(execFile);

export class Dockerd {
  readonly directory: string;
  readonly netns: string;
  readonly #options: readonly string[];
  #process!: ChildProcess;

  private constructor(directory: string, netns: string, options: readonly string[]) {
    this.directory = directory;
    this.netns = netns;
    this.#options = options;
  }

  static async start(name: string, options: readonly string[] = []): Promise<Dockerd> {
    const directory = await mkdtemp(join(tmpdir(), `${name}-`));
    const netns = `${name}-${process.pid}`;
    await run('ip', ['netns', 'add', netns]);
    await run('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
    // The other end of the wire is in a namespace that nothing else is in.
    await run('ip', ['netns', 'add', worldOf(netns)]);
    await run('ip', `link add uplink0 netns ${netns} type veth peer name uplink0 netns ${worldOf(netns)}`.split(' '));
    await run('ip', ['-n', netns, 'address', 'add', '198.51.100.1/24', 'dev', 'uplink0']);
    for (const end of [netns, worldOf(netns)]) await run('ip', ['-n', end, 'link', 'set', 'uplink0', 'up']);
    await run('ip', ['-n', netns, 'route', 'add', 'default', 'via', '198.51.100.2']);
    const dockerd = new Dockerd(directory, netns, options);
    await dockerd.launch();
    return dockerd;
  }

  /** Starts the daemon, again if it was stopped; resolves when it answers. */
  async launch(): Promise<void> {
    const log = openSync(join(this.directory, 'dockerd.log'), 'w');
    const child = spawn(
      'nsenter',
      [
        `--net=/run/netns/${this.netns}`,
        'dockerd',
        '--data-root',
        join(this.directory, 'data'),
        '--exec-root',
        join(this.directory, 'exec'),
        '--pidfile',
        join(this.directory, 'pid'),
        '-H',
        `unix://${this.directory}/docker.sock`,
        ...this.#options,
      ],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    this.#process = child;
    for (let attempt = 0; attempt < 300; attempt++) {
      if (child.exitCode !== null) break;
      const answered = await run('curl', ['-sf', '--unix-socket', this.socket, 'http://localhost/_ping']).then(
        () => true,
        () => false,
      );
      if (answered) return;
      await sleep(100);
    }
    const text = await readFile(join(this.directory, 'dockerd.log'), 'utf8');
    await this.close();
    throw new Error(`dockerd does not answer:\n${text}`);
  }

  get #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** The other end of the host's wire. */
  get world(): string {
    return worldOf(this.netns);
  }

  get socket(): string {
    return join(this.directory, 'docker.sock');
  }

  async docker(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    try {
      const { stdout, stderr } = await run('docker', args, {
        env: { ...process.env, DOCKER_HOST: `unix://${this.socket}` },
      });
      return { code: 0, stdout, stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, stdout, stderr };
    }
  }

  async onHost(command: string, args: readonly string[]): Promise<string> {
    return (await run('nsenter', [`--net=/run/netns/${this.netns}`, command, ...args])).stdout;
  }

  /** Ends the daemon; its containers go on only if it has the option `--live-restore`. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#hasEnded) return;
    const ended = new Promise((done) => this.#process.once('exit', done));
    this.#process.kill(signal);
    await ended;
  }

  /** Ends the daemon and all containers at once, and leaves what they had to `close`. */
  async kill(): Promise<void> {
    await this.stop('SIGKILL');
    await endProcessesOf(this.directory);
  }

  async close(): Promise<void> {
    if (!this.#hasEnded) {
      const ids = (await this.docker('ps', '-aq')).stdout.split('\n').filter(Boolean);
      if (ids.length > 0) await this.docker('rm', '-f', ...ids);
      await this.stop();
    }
    const mounts = await readFile('/proc/self/mounts', 'utf8');
    const ours = mounts
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
      .filter((path) => path.startsWith(`${this.directory}/`));
    for (const path of ours.toReversed()) await run('umount', ['-l', path]);
    for (const end of [this.netns, this.world]) await run('ip', ['netns', 'delete', end]);
    await rm(this.directory, { recursive: true, force: true });
  }
}

const worldOf = (netns: string): string => `${netns}-world`;
