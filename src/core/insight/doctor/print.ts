/** Findings for people. */
import { wrap } from '../columns.ts';
import type { Finding, Severity } from './finding.ts';

/** `width`: columns of the terminal. Every line ends in a line feed. */
export function printFindings(findings: readonly Finding[], width: number): string {
  if (findings.length === 0) return 'Nothing is wrong that a check knows of.\n';
  const blocks = findings.map(({ severity, check, what, proof, first }) => {
    const room = Math.max(40, width - 9);
    const [head = '', ...more] = wrap(what, room).map((line) => line.trimStart());
    return [
      `${severity.padEnd(8)} ${head}`,
      ...more.map((line) => `         ${line}`),
      ...proof.slice(0, PROOFS).map((line) => `  proof  ${line}`),
      ...(proof.length > PROOFS ? [`         and ${proof.length - PROOFS} more (--json)`] : []),
      `  first  ${first}`,
      `  check  ${check}`,
    ].join('\n');
  });
  return `${blocks.join('\n\n')}\n\n${count(findings)}\n`;
}

/** So many of a kind are enough to see. */
const PROOFS = 6;

function count(findings: readonly Finding[]): string {
  const of = (severity: Severity): string => {
    const number = findings.filter((finding) => finding.severity === severity).length;
    return `${number} ${severity}${number === 1 ? '' : 's'}`;
  };
  return `${of('error')}, ${of('warning')}, ${of('note')}.`;
}
