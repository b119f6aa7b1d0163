import { examine, isKnown } from '../../core/insight/doctor/doctor.ts';
import { factsOf } from '../../core/insight/doctor/facts.ts';
import type { Finding } from '../../core/insight/doctor/finding.ts';
import { printFindings } from '../../core/insight/doctor/print.ts';
import { printPlan } from '../../core/plan/print.ts';
import type { Step } from '../../core/plan/step.ts';
import { Unreachable } from '../client/client.ts';
import { command, ExitError, type Context } from '../command.ts';
import { toggle } from '../flags.ts';
import { confirm } from '../requests.ts';
import { SNAPSHOT_FLAG, snapshotFrom } from './from-file.ts';

/** As monitoring plugins have them. */
const WELL = 0;
const WARNING = 1;
const CRITICAL = 2;
const UNKNOWN = 3;

export const doctor = command({
  name: 'doctor',
  summary: 'Say what is wrong with the network of this host, and what to change first',
  operands: '[CONTAINER|PORT]',
  arity: { least: 0, most: 1 },
  flags: {
    all: toggle('Look at everything, which is also what is done without an argument', { short: 'a' }),
    fix: toggle("Repair the engine's own objects, after showing how"),
    json: toggle('Print JSON'),
    yes: toggle('Do not ask before the repair', { short: 'y' }),
    ...SNAPSHOT_FLAG,
  },
  examples: [
    ['doctor', 'Everything; ends in 0 if all is well, 1 with warnings, 2 with errors, 3 if nobody could look'],
    ['doctor web', 'Why is this container not reached?'],
    ['doctor 8080', 'Why is this port not reached?'],
    ['doctor --fix', 'Show what is missing, and put it back'],
    ['doctor --snapshot host.json', 'A host that is not here, one of Docker too'],
  ],
  async run(context, { flags, args: [about] }) {
    if (flags.all && about !== undefined) throw new ExitError('conflicting options: either --all or one name', UNKNOWN);
    if (flags.fix && flags.snapshot !== '') throw new ExitError('a snapshot cannot be repaired', UNKNOWN);
    const findings = await look(context, about, flags.snapshot);
    context.out.write(
      flags.json ? `${JSON.stringify(findings, undefined, 2)}\n` : printFindings(findings, context.out.columns || 120),
    );
    if (flags.fix) await repair(context, flags.yes);
    return statusOf(findings);
  },
});

async function look(context: Context, about: string | undefined, snapshot: string): Promise<readonly Finding[]> {
  if (snapshot !== '') {
    const facts = factsOf(await snapshotFrom(context, snapshot));
    if (about !== undefined && !isKnown(facts, about)) throw new ExitError(`nothing is known of ${about}`, UNKNOWN);
    return examine(facts, about);
  }
  try {
    return await context.client.json<readonly Finding[]>('GET', '/passerelle/doctor', { query: { about } });
  } catch (error) {
    if (error instanceof Unreachable) throw new ExitError(error.message, UNKNOWN);
    throw error;
  }
}

/** Other people's rules are left to them. */
async function repair(context: Context, isSure: boolean): Promise<void> {
  const path = '/passerelle/repair';
  const { steps } = await context.client.json<{ steps: readonly Step[] }>('POST', path, { query: { dryRun: 1 } });
  context.out.write(`\n${printPlan(steps)}`);
  if (steps.length === 0) return;
  if (!isSure && !(await confirm(context, ''))) return;
  const done = await context.client.json<{ steps: readonly Step[] }>('POST', path);
  context.out.write(`Repaired: ${done.steps.length} steps.\n`);
}

function statusOf(findings: readonly Finding[]): number {
  const has = (severity: Finding['severity']): boolean => findings.some((finding) => finding.severity === severity);
  if (has('error')) return CRITICAL;
  return has('warning') ? WARNING : WELL;
}
