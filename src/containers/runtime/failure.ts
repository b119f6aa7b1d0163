import { RuntimeError } from '../../core/engine/runtime.ts';

/** What the words of an OCI runtime mean for the exit code, as Docker reads them. */
const EXIT_CODES: readonly (readonly [text: string, exitCode: number])[] = [
  ['permission denied', 126],
  ['executable file not found', 127],
  ['no such file or directory', 127],
  ['not a directory', 127],
];

/** What a failed `runc create` or `start` is called in Docker's answers. */
export function createFailure(what: 'create' | 'start', cause: string): RuntimeError {
  const text = `failed to create shim task: OCI runtime ${what} failed: ${cause.trim()}: unknown`;
  const lower = cause.toLowerCase();
  const exitCode = EXIT_CODES.find(([words]) => lower.includes(words))?.[1];
  if (!lower.includes('not a directory')) return new RuntimeError(text, exitCode);
  return new RuntimeError(
    `${text}: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type`,
    exitCode,
  );
}

/** Docker gives a failed exec 126 whatever the reason. */
export function execFailure(cause: string): RuntimeError {
  return new RuntimeError(`OCI runtime exec failed: ${cause.trim()}: unknown`, 126);
}
