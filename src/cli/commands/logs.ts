import { command } from '../command.ts';
import { copyOutput } from '../client/multiplex.ts';
import { text, toggle } from '../flags.ts';
import { api } from '../requests.ts';
import { timestamp } from './time.ts';

export const logs = command({
  name: 'logs',
  aliases: ['container logs'],
  summary: 'Fetch the logs of a container',
  operands: 'CONTAINER',
  arity: { least: 1, most: 1 },
  flags: {
    details: toggle('Show extra details provided to logs'),
    follow: toggle('Follow log output', { short: 'f' }),
    since: text('Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
    tail: text('Number of lines to show from the end of the logs', { short: 'n', initial: 'all' }),
    timestamps: toggle('Show timestamps', { short: 't' }),
    until: text('Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
  },
  examples: [['logs -f --tail 20 web', 'The last lines, and what comes']],
  async run(context, { flags, args: [name = ''] }) {
    const { Config } = await context.client.json<{ Config: { Tty: boolean } }>(
      'GET',
      `${api('containers', name)}/json`,
    );
    const answer = await context.client.request('GET', `${api('containers', name)}/logs`, {
      query: {
        stdout: 1,
        stderr: 1,
        tail: flags.tail,
        follow: flags.follow ? 1 : undefined,
        timestamps: flags.timestamps ? 1 : undefined,
        details: flags.details ? 1 : undefined,
        since: timestamp(flags.since, context.now()),
        until: timestamp(flags.until, context.now()),
      },
    });
    await copyOutput(answer, Config.Tty, context.out, context.err);
    return 0;
  },
});
