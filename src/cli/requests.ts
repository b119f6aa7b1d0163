/** What many commands do. */
import type { Context } from './command.ts';
import { ExitError } from './command.ts';
import { EngineFailure } from './client/client.ts';

/** A path of the API, its parts escaped. */
export function api(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

/** `name=value` filters as the API wants them; undefined without any. */
export function filterQuery(filters: readonly string[]): string | undefined {
  const byName: Record<string, string[]> = {};
  for (const filter of filters) {
    const sign = filter.indexOf('=');
    if (sign <= 0)
      throw new ExitError(
        `invalid argument "${filter}" for "-f, --filter" flag: invalid filter '${filter}': it should be name=value`,
        125,
      );
    (byName[filter.slice(0, sign).trim().toLowerCase()] ??= []).push(filter.slice(sign + 1).trim());
  }
  return filters.length > 0 ? JSON.stringify(byName) : undefined;
}

/**
 * Does it for one reference after the other, prints each that went well, and goes on after the
 * daemon's refusals, which end in status 1.
 */
export async function forEach(
  context: Context,
  references: readonly string[],
  run: (reference: string) => Promise<unknown>,
): Promise<number> {
  let status = 0;
  for (const reference of references) {
    try {
      await run(reference);
      context.out.write(`${reference}\n`);
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error;
      context.err.write(`Error response from daemon: ${error.message}\n`);
      status = 1;
    }
  }
  return status;
}

/** Asks on the terminal; anything but y is a no. */
export async function confirm(context: Context, warning: string): Promise<boolean> {
  context.out.write(`${warning}\nAre you sure you want to continue? [y/N] `);
  for await (const chunk of context.in as AsyncIterable<Buffer | string>) return /^y/i.test(chunk.toString());
  return false;
}
