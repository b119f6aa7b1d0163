/** Help in docker's layout. */
import type { Command, Group } from './command.ts';
import { wordOf } from './command.ts';
import type { Flag } from './flags.ts';

const PROGRAM = 'passerelle';

export function usageLine(command: Command): string {
  const options = Object.keys(command.flags).length > 0 ? ' [OPTIONS]' : '';
  return `Usage:  ${PROGRAM} ${command.name}${options}${command.operands ? ` ${command.operands}` : ''}`;
}

/** `width`: columns of the terminal. */
export function commandHelp(command: Command, width: number): string {
  const parts = [usageLine(command), command.summary];
  if (command.aliases?.length)
    parts.push(`Aliases:\n  ${[command.name, ...command.aliases].map((name) => `${PROGRAM} ${name}`).join(', ')}`);
  const flags = flagLines(command.flags, width);
  if (flags) parts.push(`Options:\n${flags}`);
  const examples = command.examples.map(([line, what]) => `  # ${what}\n  ${PROGRAM} ${line}`);
  if (examples.length > 0) parts.push(`Examples:\n${examples.join('\n\n')}`);
  return `${parts.join('\n\n')}\n`;
}

export function groupHelp(group: Group): string {
  const rows = group.commands.map((command): [string, string] => [wordOf(command), command.summary]);
  return `Usage:  ${PROGRAM} ${group.name} COMMAND\n\n${group.summary}\n\nCommands:\n${summaries(rows)}\n\nRun '${PROGRAM} ${group.name} COMMAND --help' for more information on a command.\n`;
}

export function summaries(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(11, ...rows.map(([name]) => name.length + 1));
  return rows
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, summary]) => `  ${name.padEnd(width)} ${summary}`)
    .join('\n');
}

function flagLines(flags: Readonly<Record<string, Flag<unknown>>>, width: number): string {
  const rows = Object.entries(flags)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => {
      const short = flag.short ? `  -${flag.short}, ` : '      ';
      const value = flag.placeholder ? ` ${flag.placeholder}` : '';
      return [
        `${short}--${name}${value}`,
        flag.usage + (flag.shown === undefined ? '' : ` (default ${flag.shown})`),
      ] as const;
    });
  const indent = Math.max(0, ...rows.map(([head]) => head.length)) + 3;
  return rows.map(([head, usage]) => head.padEnd(indent) + wrap(usage, indent, width - 1)).join('\n');
}

/** Lines of at most `width` columns; a last word of few letters may stand out, as in pflag. */
function wrap(text: string, indent: number, width: number): string {
  const room = width - indent;
  if (room < 24) return text;
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let rest = paragraph;
    while (rest.length > room - 5 + 5) {
      const end = rest.lastIndexOf(' ', room - 5);
      if (end <= 0) break;
      lines.push(rest.slice(0, end));
      rest = rest.slice(end + 1);
    }
    lines.push(rest);
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
