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
  context.out.write(format === '' || format === 'json' ? asArray(found, format) : byTemplate(found, format));
  for (const failure of failures) context.err.write(`${failure}\n`);
  return failures.length > 0 ? 1 : 0;
}

function asArray(found: readonly string[], format: string): string {
  const array = `[${found.join(',')}]`;
  return `${format === 'json' ? JSON.stringify(JSON.parse(array)) : indentJson(array)}\n`;
}

function byTemplate(found: readonly string[], format: string): string {
  const nodes = readTemplate(format);
  try {
    const lines = found.map((each) => `${execute(nodes, JSON.parse(each))}\n`);
    return lines.length > 0 ? lines.join('') : '\n';
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ExitError(`template parsing error: template: ${error.message}`);
  }
}
