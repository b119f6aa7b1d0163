/** What the tools print in a network namespace. No shell is asked. */
import { execFile } from 'node:child_process';
import { kept, PARTS, PROBES, SANDBOX_PARTS, type Part } from '../../core/insight/snapshot/probes.ts';
import type { NamespaceTexts } from '../../core/model/texts.ts';

const LARGEST = 64 * 1024 * 1024;
/** A tool that hangs must not hang the diagnosis (ms). */
const PATIENCE = 15_000;

export interface Gathered {
  readonly texts: NamespaceTexts;
  readonly problems: readonly string[];
}

/** `path`: of the sandbox's network namespace; undefined: the process's own. */
export async function gather(path?: string): Promise<Gathered> {
  const problems: string[] = [];
  const parts = path === undefined ? PARTS : SANDBOX_PARTS;
  const texts = await Promise.all(
    parts.map(async (part) => {
      const [command = '', ...args] = PROBES[part];
      const words = path === undefined ? [command, ...args] : ['nsenter', `--net=${path}`, command, ...args];
      const { text, problem } = await run(part, words);
      if (problem) problems.push(problem);
      return [part, text] as const;
    }),
  );
  const known = texts.filter(([, text]) => text !== undefined);
  return { texts: Object.fromEntries(known), problems };
}

interface Printed {
  readonly text?: string;
  readonly problem?: string;
}

function run(part: Part, [command = '', ...args]: readonly string[]): Promise<Printed> {
  return new Promise((resolve) => {
    execFile(command, args, { maxBuffer: LARGEST, timeout: PATIENCE }, (error, stdout, stderr) => {
      if (!error) return resolve({ text: kept(part, stdout) });
      // grep ends with 1 or 2 where a setting is unreadable or not there, and has printed the others.
      if (part === 'sysctls' && stdout !== '') return resolve({ text: kept(part, stdout) });
      if (isMissing(error, stderr)) return resolve({});
      resolve({ problem: `${[command, ...args].join(' ')}: ${stderr.trim() || error.message}` });
    });
  });
}

/** Not every machine has every tool. */
function isMissing(error: Error, stderr: string): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT' || /failed to execute .*: No such file/.test(stderr);
}
