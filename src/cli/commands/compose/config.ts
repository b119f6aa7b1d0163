import { printProject } from '../../../core/compose/print.ts';
import { command } from '../../command.ts';
import { toggle } from '../../flags.ts';
import { withProject, load } from './project.ts';

export const config = command({
  name: 'compose config',
  summary: 'Validate and view the Compose file',
  arity: { least: 0, most: 0 },
  flags: withProject({
    quiet: toggle("Only validate the configuration, don't print anything", { short: 'q' }),
    services: toggle('Print the service names, one per line'),
    volumes: toggle('Print the volume names, one per line'),
  }),
  examples: [
    ['compose config', 'The project as one file with everything filled in'],
    ['compose config -q', 'Only whether it is right'],
  ],
  run(context, { flags }) {
    const project = load(context, flags);
    if (flags.quiet) return Promise.resolve(0);
    if (flags.services) context.out.write(project.services.map((service) => `${service.name}\n`).join(''));
    else if (flags.volumes) context.out.write(project.volumes.map((volume) => `${volume.key}\n`).join(''));
    else context.out.write(printProject(project));
    return Promise.resolve(0);
  },
});
