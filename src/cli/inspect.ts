/** Printing objects as the daemon describes them. */
import type { Context } from './command.ts';
import { ExitError } from './command.ts';
import { EngineFailure } from './client/client.ts';
import { indentJson } from './print/indent.ts';
import { readTemplate } from './print/listing.ts';
import { execute } from './template/evaluate.ts';
import { TemplateError } from './template/syntax.ts';

/**
 * Prints what `get` gives for each reference: a JSON array, or a line each by `format`.
 * What is not found is said after the others; the status is then 1.
 */
export async function inspectAll(
  context: Context,
  references: readonly string[],
  format: string,
  get: (reference: string) => Promise<string>,
): Promise<number> {
  const found: string[] = [];
  const failures: string[] = [];
  for (const reference of references) {
    try {
      found.push((await get(reference)).trim());
    } catch (error) {
      if (!(error instanceof EngineFailure || error instanceof ExitError)) throw error;
      failures.push(error instanceof EngineFailure ? `Error response from daemon: ${error.message}` : error.message);
    }
  }
  if (format === '' || format === 'json') context.out.write(asArray(found, format));
  else printByTemplate(context, found, format);
  for (const failure of failures) context.err.write(`${failure}\n`);
  return failures.length > 0 ? 1 : 0;
}

function asArray(found: readonly string[], format: string): string {
  const array = `[${found.join(',')}]`;
  return `${format === 'json' ? JSON.stringify(JSON.parse(array)) : indentJson(array)}\n`;
}

/** The output ends in a line's end, also where there is none because the template does not fit. */
function printByTemplate(context: Context, found: readonly string[], format: string): void {
  const nodes = readTemplate(format);
  try {
    for (const each of found) context.out.write(`${execute(nodes, JSON.parse(each))}\n`);
    if (found.length === 0) context.out.write('\n');
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    context.out.write('\n');
    throw new ExitError(`template parsing error: template: ${error.message}`);
  }
}
