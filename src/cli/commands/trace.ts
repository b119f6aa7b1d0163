import { traceSnapshot } from '../../core/insight/snapshot/trace.ts';
import { printTrace } from '../../core/insight/trace/print.ts';
import { TraceError, type TraceQuestion } from '../../core/insight/trace/question.ts';
import type { Trace } from '../../core/insight/trace/trace.ts';
import { command, ExitError, type Context } from '../command.ts';
import { text, toggle } from '../flags.ts';
import { SNAPSHOT_FLAG, snapshotFrom } from './from-file.ts';

const STATES = ['new', 'established', 'invalid'] as const;

/** Exit statuses: what was found of the packet. */
const STATUSES = { pass: 0, block: 1, unknown: 2 } as const;

export const trace = command({
  name: 'trace',
  summary: 'Walk a packet through this host, and say who decided what',
  arity: { least: 0, most: 0 },
  flags: {
    brief: toggle('Print the verdict only', { short: 'q' }),
    from: text('Who sends: a container, host, world, world:ADDRESS or ADDRESS@INTERFACE', { initial: 'world' }),
    json: toggle('Print JSON'),
    network: text('The network by whose address a container is called'),
    state: text(`State of the connection: ${STATES.join(', ')}`),
    to: text('Who is called: CONTAINER|ADDRESS[:PORT][/tcp|udp|icmp]'),
    verbose: toggle('Print every rule and decision, with the packet before and after', { short: 'v' }),
    ...SNAPSHOT_FLAG,
  },
  examples: [
    ['trace --to 198.51.100.1:8080', 'Another machine calls a published port'],
    [
      'trace --from web --to db:5432',
      'One container calls another; ends in 0 if it passes, 1 if not, 2 if nobody knows',
    ],
    ['trace -v --from web --to 1.1.1.1/icmp', 'With everything on the way'],
    ['trace --snapshot host.json --to 192.0.2.1:80', 'On a host that is not here'],
  ],
  async run(context, { flags }) {
    if (flags.to === '') throw new ExitError('say who is called: --to CONTAINER|ADDRESS[:PORT][/tcp|udp|icmp]', 125);
    const state = STATES.find((known) => known === flags.state);
    if (flags.state !== '' && !state)
      throw new ExitError(`there is no state ${flags.state}: use ${STATES.join(', ')}`, 125);
    const question: TraceQuestion = {
      from: flags.from,
      to: flags.to,
      ...(flags.network && { network: flags.network }),
      ...(state && { state }),
    };
    const traced = await ask(context, question, flags.snapshot);
    const verbosity = flags.verbose ? 'all' : flags.brief ? 'brief' : 'steps';
    context.out.write(flags.json ? `${JSON.stringify(traced, undefined, 2)}\n` : printTrace(traced, verbosity));
    return STATUSES[traced.verdict];
  },
});

async function ask(context: Context, question: TraceQuestion, snapshot: string): Promise<Trace> {
  if (snapshot === '') return await context.client.json<Trace>('GET', '/passerelle/trace', { query: { ...question } });
  try {
    return traceSnapshot(await snapshotFrom(context, snapshot), question);
  } catch (error) {
    if (error instanceof TraceError) throw new ExitError(error.message, 125);
    throw error;
  }
}
