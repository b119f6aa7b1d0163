import type { Position } from './document.ts';

/** Something about one place of a compose file. */
export interface Problem {
  readonly at: Position;
  /** `services.web.ports[0]`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What would have been right. */
  readonly expected?: string;
}

/** The place first, as compilers say it, so that editors can jump there. */
export function describe(problem: Problem): string {
  const { file, line, column } = problem.at;
  const place = `${file}:${line}:${column}${problem.path ? ` (${problem.path})` : ''}`;
  return problem.expected
    ? `${problem.message}\n  at ${place}\n  expected ${problem.expected}`
    : `${problem.message}\n  at ${place}`;
}

/** A compose file that cannot be used, with all that is wrong with it. */
export class ComposeError extends Error {
  override readonly name = 'ComposeError';
  readonly problems: readonly Problem[];

  /** `verdict` completes the sentence `The Compose file './x.yml' …`. */
  constructor(verdict: string, problems: readonly Problem[]) {
    const files = [...new Set(problems.map((problem) => `'${problem.at.file}'`))].join(', ');
    super(`The Compose file ${files} ${verdict}:\n${problems.map(describe).join('\n')}`);
    this.problems = problems;
  }
}

/** A project that cannot be: no place in a file is to blame. */
export class ProjectError extends Error {
  override readonly name = 'ProjectError';
}
