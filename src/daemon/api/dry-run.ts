/** `?dryRun=1` on a change: what would be done, instead of doing it. */
import type { Change } from '../../core/engine/engine.ts';
import type { Step } from '../../core/plan/step.ts';
import type { Call } from './http/call.ts';
import { json, type Reply } from './http/reply.ts';

export const isDryRun = ({ query }: Call): boolean => query.flag('dryRun');

export const dryRunReply = ({ steps }: Change<unknown>): Reply => json({ steps, summary: summarize(steps) });

function summarize(steps: readonly Step[]): string {
  if (steps.length === 0) return 'Nothing would change.';
  const count = (op: Step['op']): number => steps.filter((step) => step.op === op).length;
  return `${count('add')} to add, ${count('change')} to change, ${count('remove')} to remove.`;
}
