import { EngineError } from './error.ts';

/** Throws what was found wrong all at once: one line, or a list. Nothing, if nothing was. */
export function refuse(what: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const lines = problems.length === 1 ? problems : problems.map((problem) => `* ${problem}`);
  throw new EngineError('invalid', `${what}:\n${lines.join('\n')}`);
}
