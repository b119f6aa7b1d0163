/** A prediction beside what happened, as text. */
import { besides, decides, joined, OUTCOMES, what, where, type Verbosity } from '../print.ts';
import { printSeen, type LiveStep, type LiveTrace, type Mark } from './compare.ts';

const MARKS: Readonly<Record<Mark, string>> = {
  same: '=',
  different: '!',
  missing: '-',
  unforeseen: '+',
  untold: ' ',
  beyond: '<',
  unordered: '~',
};

const LEGEND: Readonly<Record<Mark, string>> = {
  same: 'as predicted',
  different: 'other than predicted',
  missing: 'predicted, not seen',
  unforeseen: 'seen, not predicted',
  untold: 'the kernel does not tell',
  beyond: 'from beyond the host',
  unordered: 'before or after the drop: it is not known which iptables is asked first',
};

/** Ends in a line feed. */
export function printLiveTrace(live: LiveTrace, verbosity: Verbosity): string {
  const { predicted, observed, differences, learned, steps, reply } = live;
  const { question } = predicted;
  const lines = [
    `${question.from} to ${question.to}: ${headline(live)}`,
    `  predicted: ${predicted.verdict === 'unknown' ? 'unknown, ' : ''}${predicted.reason}`,
    `  seen:      ${OUTCOMES[observed.outcome] ?? `the sender is told ${observed.outcome}`} (${observed.milliseconds.toFixed(1)} ms)`,
  ];
  for (const difference of differences) lines.push(`  differs:   ${difference}`);
  for (const fact of learned) lines.push(`  learned:   ${fact}`);
  if (observed.lost) lines.push('  The kernel had more to tell than there was room for: steps may be missing.');
  for (const assumption of predicted.assumptions) lines.push(`  assumed:   ${assumption}`);
  if (verbosity === 'brief') return joined(lines);
  const marks = new Set([...steps, ...reply].map(({ mark }) => mark));
  const legend = [...marks].map((mark) => `${MARKS[mark] === ' ' ? 'blank:' : MARKS[mark]} ${LEGEND[mark]}`);
  lines.push('', `  ${legend.join('   ')}`, '', ...printSteps(steps, verbosity));
  if (reply.length > 0) lines.push('', 'the way back', ...printSteps(reply, verbosity));
  return joined(lines);
}

function headline({ verdict, agrees, leaves }: LiveTrace): string {
  const word = verdict.toUpperCase();
  if (!agrees) return `${word}, OTHER THAN PREDICTED`;
  return leaves ? `${word}, and on this host as predicted` : `${word}, as predicted`;
}

function printSteps(steps: readonly LiveStep[], verbosity: Verbosity): string[] {
  const shown = steps.filter(
    ({ mark, predicted, seen }) =>
      verbosity === 'all' ||
      (predicted ? decides(predicted) || !['same', 'untold'].includes(mark) : mark !== 'beyond' || seen?.isRule),
  );
  const placeOf = ({ predicted, seen }: LiveStep) => (predicted ? where(predicted) : (seen?.place ?? ''));
  const width = Math.max(0, ...shown.map((step) => placeOf(step).length));
  const margin = ' '.repeat(width + 6);
  return shown.flatMap((step) => {
    const { mark, predicted, seen, note } = step;
    const text = predicted ? what(predicted) : (seen?.text ?? '');
    const below = predicted ? besides(predicted, verbosity) : [];
    if (note !== undefined) below.unshift(`seen: ${note}`);
    if (seen && verbosity === 'all')
      below.push(`seen: ${predicted ? `${seen.text}, ` : ''}${printSeen(seen.packet)} ttl ${seen.packet.ttl}`);
    return [`  ${MARKS[mark]} ${placeOf(step).padEnd(width)}  ${text}`, ...below.map((line) => margin + line)];
  });
}
