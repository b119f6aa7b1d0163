import { nameOf } from '../../../core/compose/present.ts';
import { command } from '../../command.ts';
import { printLogs } from '../../compose/follow.ts';
import { list, text, toggle } from '../../flags.ts';
import { chosen, load, shortName, withProject } from './project.ts';

export const logs = command({
  name: 'compose logs',
  summary: 'View output from containers',
  operands: '[SERVICE...]',
  arity: { least: 0 },
  // -f is --follow here.
  flags: {
    ...withProject({}),
    file: list('Specify an alternate compose file', { placeholder: 'string' }),
    follow: toggle('Follow log output', { short: 'f' }),
    'no-color': toggle('Produce monochrome output'),
    'no-log-prefix': toggle("Don't print prefix in logs"),
    tail: text('Number of lines to show from the end of the logs for each container', { initial: 'all' }),
    timestamps: toggle('Show timestamps', { short: 't' }),
  },
  examples: [['compose logs -f web', 'What a service says, and what it will say']],
  async run(context, { flags, args }) {
    const project = load(context, flags);
    const containers = await chosen(context, project, args);
    context.out.write(`Attaching to ${containers.map(nameOf).join(', ')}\n`);
    const sources = containers.map((each) => ({ id: each.Id, name: shortName(project, each) }));
    await printLogs(context, sources, {
      follow: flags.follow,
      tail: flags.tail,
      timestamps: flags.timestamps,
      colour: context.out.isTTY && !flags['no-color'],
      prefix: !flags['no-log-prefix'],
    });
    return 0;
  },
});
