import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { RuntimeError } from '../../core/engine/runtime.ts';
import { lastError } from './monitor.ts';

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
