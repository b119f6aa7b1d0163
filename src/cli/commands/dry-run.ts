import { key } from '../../core/plan/key.ts';
import type { Step } from '../../core/plan/step.ts';
import type { Context } from '../command.ts';
import { ExitError } from '../command.ts';

const SIGNS = { add: '+', remove: '-', change: '~' } as const;

interface Answer {
  readonly steps: readonly Step[];
  /** `3 to add, 0 to change, 1 to remove.` */
  readonly summary: string;
}

/**
 * Asks the daemon what a change would do and prints it, a step a line, each with its reason.
 * A daemon that does not know the question would do the change: it is not asked.
 */
export async function dryRun(
  context: Context,
  method: 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<number> {
  const { Platform } = await context.client.json<{ Platform?: { Name: string } }>('GET', '/version');
  if (Platform?.Name !== 'Passerelle')
    throw new ExitError('--dry-run needs a Passerelle daemon: this one would do the change');
  const answer = await context.client.json<Answer>(method, path, { query: { dryRun: 1 }, body });
  for (const { op, object } of answer.steps) context.out.write(`${SIGNS[op]} ${key(object)}\n    ${object.why}\n`);
  context.out.write(`${answer.summary}\n`);
  return 0;
}
