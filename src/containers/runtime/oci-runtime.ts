import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { basename, join } from 'node:path';
import { RuntimeError } from '../../core/engine/runtime.ts';
import { lastError } from './monitor.ts';

const GATE_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

const USUAL = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** A program's path; undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(':').filter(Boolean), ...USUAL];
  return directories
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** runc; crun does as well where there is one cgroup v2 tree (it refuses the mixed ones). Throws RuntimeError. */
export function findOciRuntime(unifiedCgroups: boolean, find = findProgram): string {
  const runc = find('runc');
  if (runc) return runc;
  const crun = find('crun');
  if (!crun) throw new RuntimeError('there is no OCI runtime: install runc');
  if (unifiedCgroups) return crun;
  throw new RuntimeError(`${crun} runs containers only where /sys/fs/cgroup is one cgroup v2 tree: install runc`);
}

/** The OCI runtime's command line. */
export class OciRuntime {
  readonly program: string;
  /** Where it keeps its state. */
  readonly root: string;

  constructor(program: string, root: string) {
    this.program = program;
    this.root = root;
  }

  /** Whether the process was created and waits for its start. */
  isWaiting(id: string): boolean {
    return existsSync(this.#gate(id));
  }

  /**
   * Lets a created process go on to its program. runc holds it at a FIFO that whoever starts it reads and
   * removes: doing so ourselves spares its process, which costs as much as all of a container's network.
   *
   * @param ended Resolves if the process ends before
   * @throws RuntimeError
   */
  async start(id: string, ended: Promise<void>): Promise<void> {
    if (basename(this.program) !== 'runc') return void (await this.run(['start', id]));
    const gate = new Socket({ fd: openSync(this.#gate(id), GATE_FLAGS), readable: true, writable: false });
    try {
      const opened = new Promise<boolean>((resolve, reject) => {
        gate.once('data', () => resolve(true));
        gate.once('error', reject);
        // What it wrote before it ended is read first.
        void ended.then(() => setImmediate(() => resolve(false)));
      });
      if (!(await opened)) throw new RuntimeError('container process is already dead');
    } finally {
      gate.destroy();
    }
    rmSync(this.#gate(id), { force: true });
  }

  /** Forgets a container that has no process and no cgroup any more. */
  forget(id: string): void {
    rmSync(this.#state(id), { recursive: true, force: true });
  }

  #state(id: string): string {
    return join(this.root, id);
  }

  #gate(id: string): string {
    return join(this.#state(id), 'exec.fifo');
  }

  /** @throws RuntimeError with the runtime's own words */
  run(args: readonly string[], input = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { env: { PATH: USUAL.join(':') }, maxBuffer: 16 * 1024 * 1024 };
      const child = execFile(
        this.program,
        ['--root', this.root, '--log-format', 'json', ...args],
        options,
        (error, stdout, stderr) => {
          if (error) reject(new RuntimeError(lastError(stderr) ?? (stderr.trim() || error.message)));
          else resolve(stdout);
        },
      );
      // It may end before it has read its input; its exit status says why.
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
    });
  }
}
