/** Lists with `--format`, `--quiet` and tables, as docker prints them. */
import { execute } from '../template/evaluate.ts';
import type { TemplateFunction } from '../template/functions.ts';
import { parse } from '../template/parser.ts';
import { TemplateError } from '../template/syntax.ts';
import type { Node } from '../template/syntax.ts';
import { Row } from '../template/value.ts';
import { ExitError } from '../command.ts';
import { alignColumns } from './tabwriter.ts';

export interface Listing<T> {
  /** Go's type of a line, for messages. */
  readonly type: string;
  /** Column -> its header. */
  readonly headers: Readonly<Record<string, string>>;
  /** The default table's lines. */
  readonly table: string;
  /** What `--quiet` prints. */
  readonly quiet: string;
  /** What stands before the message about a column that is not there, if it is not the usual. */
  readonly complaint?: string;
  columns(item: T): Readonly<Record<string, unknown>>;
}

export interface Style {
  readonly format: string;
  readonly quiet?: boolean;
}

/** On a header, functions leave the text alone: `{{json .Name}}` stands under NAME. */
const HEADER_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = Object.fromEntries(
  ['json', 'split', 'join', 'title', 'lower', 'upper', 'pad', 'truncate'].map((name) => [
    name,
    (value: unknown) => value,
  ]),
);

export function printListing<T>(listing: Listing<T>, items: readonly T[], style: Style): string {
  const template = templateOf(listing, style);
  const isTable = template.startsWith('table');
  const line = template
    .replace(/^table\s*/, '')
    .replaceAll(String.raw`\t`, '\t')
    .replaceAll(String.raw`\n`, '\n');
  const nodes = readTemplate(line);
  const header = executeOn(nodes, listing, withMethods(listing), HEADER_FUNCTIONS);
  const lines = items.map((item) => executeOn(nodes, listing, listing.columns(item)));
  if (!isTable) return lines.map((each) => `${each}\n`).join('');
  return alignColumns([header, ...lines].map((each) => each.split('\t')));
}

function templateOf<T>(listing: Listing<T>, { format, quiet }: Style): string {
  if (quiet && (format === '' || format === 'table')) return listing.quiet;
  if (format === '' || format === 'table') return `table ${listing.table}`;
  return format === 'json' ? '{{json .}}' : format;
}

/** A column that takes an argument, as `.Label "x"`, has a header that takes it too. */
function withMethods<T>(listing: Listing<T>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(listing.headers).map(([column, header]) => [
      column,
      column === 'Label' ? (key: unknown) => key : header,
    ]),
  );
}

/** Throws ExitError with docker's words for a template that is wrong. */
export function readTemplate(template: string): readonly Node[] {
  try {
    return parse(template);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ExitError(`template parsing error: template: :1: ${error.message}`);
  }
}

function executeOn<T>(
  nodes: readonly Node[],
  { type, complaint = 'template parsing error' }: Listing<T>,
  columns: Readonly<Record<string, unknown>>,
  functions?: Readonly<Record<string, TemplateFunction>>,
): string {
  try {
    return execute(nodes, new Row(type, columns), functions);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ExitError(`${complaint}: template: ${error.message}`);
  }
}
