/** `?dryRun=1` on a change: what would be done, instead of doing it. */
import { summarize } from '../../core/plan/print.ts';
import type { Step } from '../../core/plan/step.ts';
import type { Call } from './http/call.ts';
import { json, type Reply } from './http/reply.ts';

export const isDryRun = ({ query }: Call): boolean => query.flag('dryRun');

export const dryRunReply = ({ steps }: { readonly steps: readonly Step[] }): Reply =>
  json({ steps, summary: summarize(steps) });
