/** A trace as text, in three degrees of talkativeness. */
import type { Trace, TracedStep, TracedWay } from './trace.ts';

/** `brief`: the verdict; `steps`: what decided on the way; `all`: everything that was asked, with packets and reasons. */
export type Verbosity = 'brief' | 'steps' | 'all';

export const OUTCOMES: Readonly<Record<string, string>> = {
  answered: 'the sender gets an answer',
  left: 'it leaves the host: what comes back is up to others',
  silence: 'the sender hears nothing',
};

/** Ends in a line feed. */
export function printTrace(trace: Trace, verbosity: Verbosity): string {
  const { question, verdict, reason, assumptions, problems = [], missing, way, others } = trace;
  const lines = [`${question.from} to ${question.to}: ${verdict.toUpperCase()}`, `  ${reason}`];
  if (verdict !== 'unknown') {
    lines.push(`  ${OUTCOMES[way.outcome] ?? `the sender is told ${way.outcome}`}`);
  }
  for (const assumption of assumptions) lines.push(`  assumed: ${assumption}`);
  for (const problem of problems) lines.push(`  not read: ${problem}`);
  if (missing) {
    lines.push(`  missing: ${missing.fact}`);
    if (missing.rule !== undefined) lines.push(`  asked by: ${missing.rule}`);
  }
  if (verbosity === 'brief') return joined(lines);
  lines.push('', ...printWay(way, verbosity));
  for (const other of others) {
    lines.push('', `if ${other.if.join(', ')}: ${other.way.end.text}`);
    if (verbosity === 'all') lines.push(...printWay(other.way, verbosity));
  }
  return joined(lines);
}

export const joined = (lines: readonly string[]) => lines.map((line) => `${line.trimEnd()}\n`).join('');

function printWay({ steps, reply }: TracedWay, verbosity: Verbosity): string[] {
  const there = printSteps(steps, verbosity);
  return reply ? [...there, '', 'the way back', ...printSteps(reply.steps, verbosity)] : there;
}

function printSteps(steps: readonly TracedStep[], verbosity: Verbosity): string[] {
  const shown = steps.filter((step) => verbosity === 'all' || decides(step));
  const width = Math.max(0, ...shown.map((step) => where(step).length));
  const margin = ' '.repeat(width + 4);
  return shown.flatMap((step) => [
    `  ${where(step).padEnd(width)}  ${what(step)}`,
    ...besides(step, verbosity).map((line) => margin + line),
  ]);
}

/** The lines below a step's own. */
export function besides(
  { reason, assumption, tried, before, after, kind }: TracedStep,
  verbosity: Verbosity,
): string[] {
  const lines: string[] = [];
  if (reason) lines.push(`why: ${reason.why} (${reason.owner.kind} ${reason.owner.name})`);
  if (assumption !== undefined) lines.push(`assumed: ${assumption}`);
  if (verbosity === 'all') {
    if (tried !== undefined && tried > 1) lines.push(`${tried} rules tried`);
    if (after.text !== before.text || kind === 'send') lines.push(after.text);
  }
  return lines;
}

/** What lets pass without a rule saying so is no news. */
export function decides({ kind, decision }: TracedStep): boolean {
  return kind !== 'rule' || !decision.startsWith('policy accept');
}

export function where({ place, link, hook }: TracedStep): string {
  return [place, link ?? hook ?? ''].filter((part) => part !== '').join(' ');
}

export function what({ kind, rule, decision, detail }: TracedStep): string {
  if (rule) {
    const number = rule.index === undefined ? '' : ` ${rule.index + 1}`;
    const machinery =
      rule.variant === 'legacy' ? 'legacy ' : rule.machinery === 'nftables' ? `nft ${rule.family} ` : '';
    const text = rule.text === undefined ? '' : `: ${rule.text}`;
    return `${machinery}${rule.table} ${rule.chain}${number}: ${decision}${text}`;
  }
  const label = kind === 'drop' || kind === 'error' ? `${kind} ${decision}` : `${kind}: ${decision}`;
  return detail === undefined ? label : `${label} (${detail})`;
}
