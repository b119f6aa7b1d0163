/** What was measured, for people: as text, and as Markdown. */
import type { Machine } from './machine.ts';
import { judge, type Verdict } from './marks.ts';
import type { Measure, Peer, Sheet } from './sheet.ts';
import { summarise } from './statistics.ts';
import type { Work } from './work.ts';

export const NAMES: Readonly<Record<Peer, string>> = {
  nftables: 'Passerelle, nftables',
  iptables: 'Passerelle, iptables',
  dockerd: 'dockerd',
  netavark: 'netavark',
  cni: 'CNI plugins',
};

const HEADINGS = ['measure', 'engine', 'minimum', 'median', 'maximum', 'n', 'to dockerd'];

export function printText(sheet: Sheet): string {
  const rows = [HEADINGS, ...sheet.measures().flatMap(rowsOf)];
  const marks = judge(sheet).map(({ mark, peer, value, limit, isMet }) => [
    isMet ? 'met' : 'MISSED',
    mark.about,
    NAMES[peer],
    ratio(value),
    `${mark.atMost ? 'at most' : 'at least'} ${ratio(limit)}`,
  ]);
  return [aligned(rows), ...(marks.length > 0 ? ['', aligned(marks)] : [])].join('\n');
}

export function printMarkdown(sheet: Sheet, works: readonly Work[], machine: Machine): string {
  const sections = works.flatMap(({ name, about }) => {
    const rows = sheet
      .measures()
      .filter(({ work }) => work === name)
      .flatMap(rowsOf);
    return rows.length === 0 ? [] : [`## ${name}\n\n${about}\n\n${table(HEADINGS, rows)}\n`];
  });
  return `# Results

Made by \`npm run bench -- --write\`; not edited by hand. Each engine has a network namespace of its own;
they take turns in one run, once none does anything of its own accord after its start any more, and after a turn that
does not count. What is measured begins 60 ms after what was done before it, for which the kernel still ends links.
Ratios are of medians.

- ${machine.date} UTC
- ${machine.hardware}
- ${machine.system}
- ${machine.versions.join(', ')}

## The marks

${table(['', 'what', 'back end', 'is', 'mark'], judge(sheet).map(markRow))}

${sections.join('\n')}`;
}

const markRow = ({ mark, peer, value, limit, isMet }: Verdict): string[] => [
  isMet ? '✓' : '✗',
  mark.about,
  peer,
  ratio(value),
  `${mark.atMost ? '≤' : '≥'} ${ratio(limit)}`,
];

function rowsOf({ name, unit, values }: Measure): string[][] {
  const base = values.get('dockerd');
  return [...values].map(([peer, its], index) => {
    const { min, median, max, count } = summarise(its);
    const compared = base && peer !== 'dockerd' ? ratio(median / summarise(base).median) : '';
    const numbers = [min, median, max].map((value) => `${rounded(value)} ${unit}`);
    return [index === 0 ? name : '', NAMES[peer], ...numbers, String(count), compared];
  });
}

/** Three digits that count. */
export function rounded(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 0.01))));
  return value.toFixed(Math.min(digits, 3));
}

/** Small ratios as one over something. */
export function ratio(value: number): string {
  return value > 0 && value < 0.8 ? `1/${rounded(1 / value)}` : rounded(value);
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
