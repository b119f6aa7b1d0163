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
  const lines = items.map((item) => executeOn(nodes, new Row(listing.type, listing.columns(item))));
  if (!isTable) return lines.map((each) => `${each}\n`).join('');
  const header = executeOn(nodes, new Row(listing.type, withMethods(listing)), HEADER_FUNCTIONS);
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

function executeOn(nodes: readonly Node[], row: Row, functions?: Readonly<Record<string, TemplateFunction>>): string {
  try {
    return execute(nodes, row, functions);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ExitError(`failed to execute template: template: ${error.message}`);
  }
}
