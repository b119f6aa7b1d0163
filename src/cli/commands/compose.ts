import { planDown, stopTasks } from '../../core/compose/down.ts';
import * as label from '../../core/compose/labels.ts';
import { loadProject } from '../../core/compose/load.ts';
import { containersOf, isRunning, labelOf, nameOf } from '../../core/compose/present.ts';
import type { Present, PresentContainer } from '../../core/compose/present.ts';
import { printProject } from '../../core/compose/print.ts';
import { selectServices } from '../../core/compose/project.ts';
import type { Project } from '../../core/compose/project.ts';
import type { Service } from '../../core/compose/service.ts';
import { apiPath } from '../../core/compose/task.ts';
import type { Task } from '../../core/compose/task.ts';
import { planUp } from '../../core/compose/up.ts';
import { command, ExitError } from '../command.ts';
import type { Context, Group } from '../command.ts';
import { printLogs } from '../compose/follow.ts';
import { perform } from '../compose/perform.ts';
import { presentState, projectContainers } from '../compose/state.ts';
import { sha256, surroundingsOf } from '../compose/surroundings.ts';
import { composeTable } from '../compose/table.ts';
import { integer, list, text, toggle } from '../flags.ts';
import type { Flags, Values } from '../flags.ts';
import { pullImage } from './pull.ts';

/** They stand before the subcommand's name in docker-compose, and may stand after it here too. */
export const PROJECT_FLAGS = {
  'env-file': text('Specify an alternate environment file'),
  file: list('Specify an alternate compose file (default: docker-compose.yml)', { short: 'f', placeholder: 'string' }),
  profile: list('Specify a profile to enable', { placeholder: 'string' }),
  'project-directory': text('Specify an alternate working directory (default: the path of the Compose file)'),
  'project-name': text('Specify an alternate project name (default: directory name)', { short: 'p' }),
} as const;

type ProjectFlags = Values<typeof PROJECT_FLAGS>;

/** `-f` and `-p` mean other things to some commands; those flags then stand before the command only. */
function withProject<F extends Flags>(flags: F): F & typeof PROJECT_FLAGS {
  return { ...PROJECT_FLAGS, ...flags };
}

function load(context: Context, flags: ProjectFlags): Project {
  const fromEnvironment = context.environment['COMPOSE_FILE'];
  const separator = context.environment['COMPOSE_PATH_SEPARATOR'] ?? ':';
  const { project, warnings } = loadProject(surroundingsOf(context), {
    files: flags.file.length > 0 ? flags.file : fromEnvironment ? fromEnvironment.split(separator) : [],
    projectName: flags['project-name'] || undefined,
    projectFolder: flags['project-directory'] || undefined,
    envFile: flags['env-file'] || undefined,
    profiles: flags.profile,
  });
  for (const warning of warnings) context.err.write(`WARNING: ${warning}\n`);
  return project;
}

function warn(context: Context, warnings: readonly string[]): void {
  for (const warning of warnings) context.err.write(`WARNING: ${warning}\n`);
}

/** Done, or done but for what was said. */
function outcome(failures: ReadonlyMap<string, string>, message: string): number {
  if (failures.size > 0) throw new ExitError(`ERROR: ${message}`);
  return 0;
}

const TIMEOUT = integer('Specify a shutdown timeout in seconds (default: 10)', { short: 't' });

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

const up = command({
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

interface AttachFlags {
  readonly 'abort-on-container-exit': boolean;
  readonly 'no-color': boolean;
  readonly 'no-log-prefix': boolean;
  readonly timeout: number | undefined;
}

/** Shows the output until all containers have ended, or the user stops them: gently at the first ctrl-C, at once at the second. */
async function stayAttached(
  context: Context,
  project: Project,
  services: readonly Service[],
  flags: AttachFlags,
): Promise<number> {
  const names = new Set(services.map((service) => service.name));
  const containers = (await projectContainers(context, project.name)).filter(
    (each) => names.has(labelOf(each, label.SERVICE)) && isRunning(each),
  );
  const sources = containers.map((each) => ({ id: each.Id, name: shortName(project, each) }));
  context.out.write(`Attaching to ${containers.map(nameOf).join(', ')}\n`);
  const abort = new AbortController();
  let stopped = 0;
  const interrupt = (): void => {
    if (++stopped === 1) context.err.write('Gracefully stopping... (press Ctrl+C again to force)\n');
    abort.abort();
    if (stopped > 1) void killAll(context, containers);
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    const logs = printLogs(context, sources, {
      follow: true,
      tail: 'all',
      timestamps: false,
      colour: context.out.isTTY && !flags['no-color'],
      prefix: !flags['no-log-prefix'],
      signal: abort.signal,
    });
    const ends = sources.map((source) =>
      announceExit(context, source.id, nameOf(containers.find((each) => each.Id === source.id)!), abort.signal),
    );
    const first = flags['abort-on-container-exit'] ? Promise.race(ends) : Promise.all(ends);
    const code = await Promise.race([first, aborted(abort.signal)]);
    if (stopped === 0 && flags['abort-on-container-exit']) {
      context.out.write('Aborting on container exit...\n');
      abort.abort();
    }
    await Promise.allSettled([logs, ...ends]);
    if (!abort.signal.aborted) return 0;
    await perform(context, stopTasks(project, await projectContainers(context, project.name), flags.timeout));
    return stopped > 0 ? 0 : typeof code === 'number' ? code : 0;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function killAll(context: Context, containers: readonly PresentContainer[]): Promise<void> {
  // What has ended meanwhile cannot be killed, which is as good.
  await Promise.allSettled(
    containers.map((each) => context.client.text('POST', `${apiPath('containers', each.Id)}/kill`)),
  );
}

async function announceExit(context: Context, id: string, name: string, signal: AbortSignal): Promise<number> {
  try {
    const { StatusCode } = await context.client.json<{ StatusCode: number }>(
      'POST',
      `${apiPath('containers', id)}/wait`,
      { signal },
    );
    context.out.write(`${name} exited with code ${StatusCode}\n`);
    return StatusCode;
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  }
}

function shortName(project: Project, container: PresentContainer): string {
  const name = nameOf(container);
  return name.startsWith(`${project.name}_`) ? name.slice(project.name.length + 1) : name;
}

const down = command({
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

interface Inspected {
  readonly Config: { readonly Entrypoint: readonly string[] | null; readonly Cmd: readonly string[] | null };
  readonly State: {
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly Restarting: boolean;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string };
  };
  readonly NetworkSettings: {
    readonly Ports: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    > | null;
  };
}

function stateOf({ State }: Inspected): string {
  if (State.Paused) return 'Paused';
  if (State.Restarting) return 'Restarting';
  if (!State.Running) return `Exit ${State.ExitCode}`;
  if (!State.Health) return 'Up';
  return State.Health.Status === 'starting' ? 'Up (health: starting)' : `Up (${State.Health.Status})`;
}

function portsOf({ NetworkSettings }: Inspected): string {
  return Object.entries(NetworkSettings.Ports ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([port, bindings]) =>
      bindings?.length ? bindings.map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}->${port}`).join(',') : port,
    )
    .join(', ');
}

const ps = command({
  name: 'compose ps',
  summary: 'Lists containers',
  operands: '[SERVICE...]',
  arity: { least: 0 },
  flags: withProject({
    all: toggle('Show all stopped containers (including those created by the run command)', { short: 'a' }),
    quiet: toggle('Only display IDs', { short: 'q' }),
    services: toggle('Display services'),
  }),
  examples: [['compose ps', "The project's containers"]],
  async run(context, { flags, args }) {
    const project = load(context, flags);
    if (flags.services) {
      context.out.write(project.services.map((service) => `${service.name}\n`).join(''));
      return 0;
    }
    const containers = await chosen(context, project, args, flags.all);
    if (flags.quiet) {
      context.out.write(containers.map((each) => `${each.Id}\n`).join(''));
      return 0;
    }
    const rows = await Promise.all(
      containers.map(async (each) => {
        const found = await context.client.json<Inspected>('GET', `${apiPath('containers', each.Id)}/json`);
        const words = [...(found.Config.Entrypoint ?? []), ...(found.Config.Cmd ?? [])].join(' ');
        return [nameOf(each), words.length > 30 ? `${words.slice(0, 26)} ...` : words, stateOf(found), portsOf(found)];
      }),
    );
    context.out.write(composeTable(['Name', 'Command', 'State', 'Ports'], rows));
    return 0;
  },
});

/** The project's containers, of these services if any are named, by name. */
async function chosen(
  context: Context,
  project: Project,
  services: readonly string[],
  oneOff = false,
): Promise<readonly PresentContainer[]> {
  for (const name of services) selectServices(project, [name]);
  const names = new Set(services.length > 0 ? services : project.services.map((service) => service.name));
  const all = await projectContainers(context, project.name);
  return all
    .filter((each) => names.has(labelOf(each, label.SERVICE)) && (oneOff || labelOf(each, label.ONE_OFF) !== 'True'))
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

const config = command({
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

const logs = command({
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

const stop = command({
  name: 'compose stop',
  summary: 'Stop running containers without removing them',
  operands: '[SERVICE...]',
  arity: { least: 0 },
  flags: withProject({ timeout: TIMEOUT }),
  examples: [['compose stop', 'They can be started again with `compose start`']],
  async run(context, { flags, args }) {
    const project = load(context, flags);
    const tasks = stopTasks(project, await chosen(context, project, args), flags.timeout);
    return outcome(await perform(context, tasks), 'Not all containers could be stopped.');
  },
});

const start = command({
  name: 'compose start',
  summary: 'Start existing containers',
  operands: '[SERVICE...]',
  arity: { least: 0 },
  flags: withProject({}),
  examples: [['compose start', 'What `compose stop` stopped']],
  async run(context, { flags, args }) {
    const project = load(context, flags);
    const present: Pick<Present, 'containers'> = { containers: await projectContainers(context, project.name) };
    const services =
      args.length > 0 ? selectServices(project, args).filter((each) => args.includes(each.name)) : project.services;
    const tasks = services.map((service): Task => {
      const containers = containersOf(present as Present, service.name);
      return {
        id: service.name,
        after: Object.keys(service.depends_on ?? {}),
        says: { verb: 'Starting', name: service.name },
        waits: [],
        calls: containers
          .filter((each) => !isRunning(each))
          .map((each) => ({
            method: 'POST',
            path: `${apiPath('containers', each.Id)}/start`,
            purpose: `Cannot start service ${service.name}`,
          })),
      };
    });
    if (present.containers.length === 0) throw new ExitError('ERROR: No containers to start');
    return outcome(await perform(context, tasks), 'Not all services could be started.');
  },
});

const restart = command({
  name: 'compose restart',
  summary: 'Restart running containers',
  operands: '[SERVICE...]',
  arity: { least: 0 },
  flags: withProject({ timeout: TIMEOUT }),
  examples: [['compose restart web', 'One service']],
  async run(context, { flags, args }) {
    const project = load(context, flags);
    const containers = await chosen(context, project, args);
    if (containers.length === 0) throw new ExitError('ERROR: No containers to restart');
    const tasks = containers.map((each): Task => ({
      id: each.Id,
      after: [],
      says: { verb: 'Restarting', name: nameOf(each) },
      waits: [],
      calls: [{ method: 'POST', path: `${apiPath('containers', each.Id)}/restart?t=${flags.timeout ?? 10}` }],
    }));
    return outcome(await perform(context, tasks), 'Not all containers could be restarted.');
  },
});

const pull = command({
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

export const group: Group = {
  name: 'compose',
  summary: 'Define and run multi-container applications',
  commands: [config, down, logs, ps, pull, restart, start, stop, up],
};
