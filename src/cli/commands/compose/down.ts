import { planDown } from '../../../core/compose/down.ts';
import { command, ExitError } from '../../command.ts';
import { perform } from '../../compose/perform.ts';
import { presentState } from '../../compose/state.ts';
import { text, toggle } from '../../flags.ts';
import { warn, outcome, TIMEOUT } from './outcome.ts';
import { withProject, load } from './project.ts';

export const down = command({
  name: 'compose down',
  summary: 'Stops containers and removes containers, networks, volumes, and images created by up',
  arity: { least: 0, most: 0 },
  flags: withProject({
    'remove-orphans': toggle('Remove containers for services not defined in the Compose file'),
    rmi: text("Remove images: 'all' that services use"),
    timeout: TIMEOUT,
    volumes: toggle(
      'Remove named volumes declared in the `volumes` section of the Compose file and anonymous volumes attached to containers',
      { short: 'v' },
    ),
  }),
  examples: [
    ['compose down', 'Containers and networks'],
    ['compose down -v --remove-orphans', 'also the data, and containers of services that are no longer in the file'],
  ],
  async run(context, { flags }) {
    if (!['', 'all', 'local'].includes(flags.rmi)) throw new ExitError("ERROR: --rmi flag must be 'all' or 'local'");
    const project = load(context, flags);
    const plan = planDown(project, await presentState(context, project), {
      removeOrphans: flags['remove-orphans'],
      volumes: flags.volumes,
      images: flags.rmi === 'all' ? 'all' : 'none',
      stopSeconds: flags.timeout,
    });
    warn(context, plan.warnings);
    return outcome(await perform(context, plan.tasks), 'Encountered errors while taking down the project.');
  },
});
