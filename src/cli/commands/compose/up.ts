import { selectServices } from '../../../core/compose/project.ts';
import type { Project } from '../../../core/compose/project.ts';
import type { Service } from '../../../core/compose/service.ts';
import { planUp } from '../../../core/compose/up.ts';
import { command, ExitError } from '../../command.ts';
import type { Context } from '../../command.ts';
import { perform } from '../../compose/perform.ts';
import { presentState } from '../../compose/state.ts';
import { sha256 } from '../../compose/surroundings.ts';
import { list, toggle } from '../../flags.ts';
import { pullImage } from '../pull.ts';
import { stayAttached } from './attached.ts';
import { warn, outcome, TIMEOUT } from './outcome.ts';
import { withProject, load } from './project.ts';

/** `SERVICE=NUM`. */
function scales(project: Project, specs: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    specs.map((spec) => {
      const parts = /^([^=]+)=(\d+)$/.exec(spec);
      if (!parts) throw new ExitError(`ERROR: Arguments to scale should be in the form service=num, not "${spec}"`);
      selectServices(project, [parts[1]!]);
      return [parts[1]!, Number(parts[2])];
    }),
  );
}

async function pullMissing(
  context: Context,
  services: readonly Service[],
  images: ReadonlyMap<string, string>,
): Promise<boolean> {
  const done = new Set<string>();
  for (const service of services) {
    const image = service.image!;
    const policy = service.pull_policy ?? 'missing';
    if (done.has(image) || policy === 'never' || (policy !== 'always' && images.has(image))) continue;
    done.add(image);
    context.err.write(`Pulling ${service.name} (${image})...\n`);
    await pullImage(context, image, context.err);
  }
  return done.size > 0;
}

export const up = command({
  name: 'compose up',
  summary: 'Builds up a project: its networks, volumes and containers, as its files say',
  operands: '[SERVICE...]',
  arity: { least: 0 },
  flags: withProject({
    'abort-on-container-exit': toggle('Stops all containers if any container was stopped. Incompatible with -d'),
    detach: toggle('Detached mode: Run containers in the background, print new container names', { short: 'd' }),
    'force-recreate': toggle("Recreate containers even if their configuration and image haven't changed"),
    'no-color': toggle('Produce monochrome output'),
    'no-deps': toggle("Don't start linked services"),
    'no-log-prefix': toggle("Don't print prefix in logs"),
    'no-recreate': toggle("If containers already exist, don't recreate them"),
    'no-start': toggle("Don't start the services after creating them"),
    'quiet-pull': toggle('Pull without printing progress information'),
    'remove-orphans': toggle('Remove containers for services not defined in the Compose file'),
    'renew-anon-volumes': toggle('Recreate anonymous volumes instead of retrieving data from the previous containers', {
      short: 'V',
    }),
    scale: list('Scale SERVICE to NUM instances. Overrides the `scale` setting in the Compose file if present', {
      placeholder: 'SERVICE=NUM',
    }),
    timeout: TIMEOUT,
  }),
  examples: [
    ['compose up -d', 'The project of this folder, in the background'],
    [
      'compose -f docker-compose.yml -f local.yml up web',
      'From two files, one service and what it needs, with its output',
    ],
  ],
  async run(context, { flags, args }) {
    if (flags['force-recreate'] && flags['no-recreate'])
      throw new ExitError('ERROR: --force-recreate and --no-recreate cannot be combined.');
    const project = load(context, flags);
    const services =
      flags['no-deps'] && args.length > 0
        ? selectServices(project, args).filter((each) => args.includes(each.name))
        : selectServices(project, args);
    let present = await presentState(context, project);
    if (await pullMissing(context, services, present.images)) present = await presentState(context, project);
    const plan = planUp(project, present, {
      services,
      recreate: flags['force-recreate'] ? 'always' : flags['no-recreate'] ? 'never' : 'changed',
      start: !flags['no-start'],
      removeOrphans: flags['remove-orphans'],
      renewAnonymousVolumes: flags['renew-anon-volumes'],
      scale: scales(project, flags.scale),
      stopSeconds: flags.timeout,
      sha256,
    });
    warn(context, plan.warnings);
    const status = outcome(await perform(context, plan.tasks), 'Encountered errors while bringing up the project.');
    if (flags.detach || flags['no-start']) return status;
    return await stayAttached(context, project, services, flags);
  },
});
