import { selectServices } from '../../../core/compose/project.ts';
import { command } from '../../command.ts';
import { toggle } from '../../flags.ts';
import { pullImage } from '../pull.ts';
import { withProject, load } from './project.ts';

export const pull = command({
  name: 'compose pull',
  summary: 'Pulls images for services defined in a Compose file, but does not start the containers',
  operands: '[SERVICE...]',
  arity: { least: 0 },
  flags: withProject({ quiet: toggle('Pull without printing progress information', { short: 'q' }) }),
  examples: [['compose pull', 'The latest of each image']],
  async run(context, { flags, args }) {
    const project = load(context, flags);
    const services =
      args.length > 0 ? selectServices(project, args).filter((each) => args.includes(each.name)) : project.services;
    for (const service of services) {
      context.err.write(`Pulling ${service.name} (${service.image})...\n`);
      await pullImage(context, service.image!, flags.quiet ? undefined : context.err);
    }
    return 0;
  },
});
