import { traceSnapshot } from '../../core/insight/snapshot/trace.ts';
import type { LiveTrace } from '../../core/insight/trace/live/compare.ts';
import { printLiveTrace } from '../../core/insight/trace/live/print.ts';
import { printTrace, type Verbosity } from '../../core/insight/trace/print.ts';
import { TraceError, type TraceQuestion } from '../../core/insight/trace/question.ts';
import type { Trace } from '../../core/insight/trace/trace.ts';
import { EngineFailure } from '../client/client.ts';
import { command, ExitError, type Context } from '../command.ts';
import { text, toggle } from '../flags.ts';
import { SNAPSHOT_FLAG, snapshotFrom } from './from-file.ts';

const STATES = ['new', 'established', 'invalid'] as const;

/** Exit statuses: what was found of the packet. */
const STATUSES = { pass: 0, block: 1, unknown: 2 } as const;
/** It went another way than was predicted. */
const OTHERWISE = 3;

export const trace = command({
  name: 'trace',
  summary: 'Walk a packet through this host, and say who decided what',
  arity: { least: 0, most: 0 },
  flags: {
    brief: toggle('Print the verdict only', { short: 'q' }),
    from: text('Who sends: a container, host, world, world:ADDRESS or ADDRESS@INTERFACE', { initial: 'world' }),
    json: toggle('Print JSON'),
    live: toggle('Send a real packet too, and lay what the kernel does with it beside the prediction'),
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
    ['trace --live --from web --to db:5432', 'Try it too; ends in 3 if it goes otherwise than predicted'],
    ['trace --snapshot paste.txt --to 192.0.2.1:80', 'On what somebody pasted: iptables-save, ip addr, ip route'],
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
    const verbosity = flags.verbose ? 'all' : flags.brief ? 'brief' : 'steps';
    const print = <T>(value: T, text: (value: T, verbosity: Verbosity) => string): void =>
      void context.out.write(flags.json ? `${JSON.stringify(value, undefined, 2)}\n` : text(value, verbosity));
    if (flags.live) {
      if (flags.snapshot !== '') throw new ExitError('conflicting options: nothing can be sent in a --snapshot', 125);
      const live = await ofDaemon<LiveTrace>(context, 'POST', question);
      print(live, printLiveTrace);
      return live.agrees ? STATUSES[live.verdict] : OTHERWISE;
    }
    const traced = await ask(context, question, flags.snapshot);
    print(traced, printTrace);
    return STATUSES[traced.verdict];
  },
});

async function ask(context: Context, question: TraceQuestion, snapshot: string): Promise<Trace> {
  if (snapshot === '') return await ofDaemon<Trace>(context, 'GET', question);
  try {
    return traceSnapshot(await snapshotFrom(context, snapshot), question);
  } catch (error) {
    if (error instanceof TraceError) throw new ExitError(error.message, 125);
    throw error;
  }
}

async function ofDaemon<T>(context: Context, method: 'GET' | 'POST', question: TraceQuestion): Promise<T> {
  try {
    return await context.client.json<T>(method, '/passerelle/trace', { query: { ...question } });
  } catch (error) {
    // 1 is the status of a packet that is blocked.
    if (error instanceof EngineFailure) throw new ExitError(error.message, 125);
    throw error;
  }
}
