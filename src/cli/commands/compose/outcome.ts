import { ExitError } from '../../command.ts';
import type { Context } from '../../command.ts';
import { integer } from '../../flags.ts';

export function warn(context: Context, warnings: readonly string[]): void {
  for (const warning of warnings) context.err.write(`WARNING: ${warning}\n`);
}

/** Done, or done but for what was said. */
export function outcome(failures: ReadonlyMap<string, string>, message: string): number {
  if (failures.size > 0) throw new ExitError(`ERROR: ${message}`);
  return 0;
}

export const TIMEOUT = integer('Specify a shutdown timeout in seconds (default: 10)', { short: 't' });
