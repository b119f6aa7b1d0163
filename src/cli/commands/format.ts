import { text } from '../flags.ts';

/** `--format` of lists. */
export const FORMAT = text(
  `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.`,
);
