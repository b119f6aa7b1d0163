import { command, ExitError } from '../command.ts';
import type { Command, Group } from '../command.ts';
import { EngineFailure } from '../client/client.ts';
import { list, integer, text, toggle } from '../flags.ts';
import { inspectAll } from '../inspect.ts';
import { alignColumns } from '../print/tabwriter.ts';
import { humanSize } from '../print/units.ts';
import { api, confirm, filterQuery, forEach } from '../requests.ts';
import { exec } from './exec.ts';
import { logs } from './logs.ts';
import { ps } from './ps.ts';
import { attach as attachTo, awaitExit, create, run } from './run.ts';

const CONTAINERS = 'CONTAINER [CONTAINER...]';

interface Inspected {
  readonly State: {
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly Restarting: boolean;
    readonly ExitCode: number;
  };
  readonly Config: { readonly Tty: boolean; readonly OpenStdin: boolean };
  readonly NetworkSettings: {
    readonly Ports: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    > | null;
  };
}

const start = command({
  name: 'start',
  aliases: ['container start'],
  summary: 'Start one or more stopped containers',
  operands: CONTAINERS,
  arity: { least: 1 },
  flags: {
    attach: toggle('Attach STDOUT/STDERR and forward signals', { short: 'a' }),
    interactive: toggle("Attach container's STDIN", { short: 'i' }),
  },
  examples: [
    ['start web', 'Start a container again'],
    ['start -ai shell', 'and take part in it'],
  ],
  async run(context, { flags, args }) {
    if (!flags.attach && !flags.interactive)
      return await forEach(context, args, (name) => context.client.text('POST', `${api('containers', name)}/start`));
    if (args.length > 1) throw new ExitError('you cannot start and attach multiple containers at once');
    const [name = ''] = args;
    const { Config } = await context.client.json<Inspected>('GET', `${api('containers', name)}/json`);
    const session = await attachTo(context, name, {
      AttachStdin: flags.interactive && Config.OpenStdin,
      AttachStdout: true,
      AttachStderr: true,
      logs: false,
      tty: Config.Tty,
      sigProxy: !Config.Tty,
    });
    const exit = await awaitExit(context, name, 'next-exit');
    try {
      await context.client.text('POST', `${api('containers', name)}/start`);
    } catch (error) {
      session.close();
      exit.cancel();
      throw error;
    }
    session.started();
    return await session.until(exit);
  },
});

const attach = command({
  name: 'attach',
  aliases: ['container attach'],
  summary: 'Attach local standard input, output, and error streams to a running container',
  operands: 'CONTAINER',
  arity: { least: 1, most: 1 },
  flags: {
    'no-stdin': toggle('Do not attach STDIN'),
    'sig-proxy': toggle('Proxy all received signals to the process', { initial: true }),
  },
  examples: [['attach web', 'See its output and write to it; ctrl-p ctrl-q leaves it alone again']],
  async run(context, { flags, args: [name = ''] }) {
    const { State, Config } = await context.client.json<Inspected>('GET', `${api('containers', name)}/json`);
    if (!State.Running) throw new ExitError('cannot attach to a stopped container, start it first');
    if (State.Paused) throw new ExitError('cannot attach to a paused container, unpause it first');
    const session = await attachTo(context, name, {
      AttachStdin: !flags['no-stdin'] && Config.OpenStdin,
      AttachStdout: true,
      AttachStderr: true,
      logs: false,
      tty: Config.Tty,
      sigProxy: flags['sig-proxy'] && !Config.Tty,
    });
    const exit = await awaitExit(context, name, 'not-running');
    session.started();
    return await session.until(exit);
  },
});

const STOP_FLAGS = {
  signal: text('Signal to send to the container', { short: 's' }),
  time: integer('Seconds to wait before killing the container', { short: 't' }),
};

function stopping(verb: 'stop' | 'restart', summary: string): Command {
  return command({
    name: verb,
    aliases: [`container ${verb}`],
    summary,
    operands: CONTAINERS,
    arity: { least: 1 },
    flags: STOP_FLAGS,
    examples: [[`${verb} -t 2 web`, 'With two seconds to end by itself']],
    run: (context, { flags, args }) =>
      forEach(context, args, (name) =>
        context.client.text('POST', `${api('containers', name)}/${verb}`, {
          query: { t: flags.time, signal: flags.signal || undefined },
        }),
      ),
  });
}

function simple(verb: 'pause' | 'unpause', summary: string): Command {
  return command({
    name: verb,
    aliases: [`container ${verb}`],
    summary,
    operands: CONTAINERS,
    arity: { least: 1 },
    flags: {},
    examples: [[`${verb} web`, summary]],
    run: (context, { args }) =>
      forEach(context, args, (name) => context.client.text('POST', `${api('containers', name)}/${verb}`)),
  });
}

const kill = command({
  name: 'kill',
  aliases: ['container kill'],
  summary: 'Kill one or more running containers',
  operands: CONTAINERS,
  arity: { least: 1 },
  flags: { signal: text('Signal to send to the container', { short: 's' }) },
  examples: [['kill -s HUP web', 'Send a signal']],
  run: (context, { flags, args }) =>
    forEach(context, args, (name) =>
      context.client.text('POST', `${api('containers', name)}/kill`, { query: { signal: flags.signal || undefined } }),
    ),
});

const rm = command({
  name: 'rm',
  aliases: ['container rm', 'container remove'],
  summary: 'Remove one or more containers',
  operands: CONTAINERS,
  arity: { least: 1 },
  flags: {
    force: toggle('Force the removal of a running container (uses SIGKILL)', { short: 'f' }),
    link: toggle('Remove the specified link', { short: 'l' }),
    volumes: toggle('Remove anonymous volumes associated with the container', { short: 'v' }),
  },
  examples: [['rm -fv web', 'Remove a container that runs, with its anonymous volumes']],
  run: (context, { flags, args }) =>
    forEach(context, args, async (name) => {
      try {
        await context.client.text('DELETE', api('containers', name), {
          query: {
            force: flags.force ? 1 : undefined,
            v: flags.volumes ? 1 : undefined,
            link: flags.link ? 1 : undefined,
          },
        });
      } catch (error) {
        // With -f, docker says nothing of what is not there, and calls it a success.
        if (!(flags.force && error instanceof EngineFailure && error.status === 404)) throw error;
        context.err.write(`Error response from daemon: ${error.message}\n`);
      }
    }),
});

const inspect = command({
  name: 'container inspect',
  summary: 'Display detailed information on one or more containers',
  operands: CONTAINERS,
  arity: { least: 1 },
  flags: {
    format: text("Format output using a custom template: 'json' or a Go template", { short: 'f' }),
    size: toggle('Display total file sizes', { short: 's' }),
  },
  examples: [['container inspect -f "{{.State.Status}}" web', 'Its state']],
  run: (context, { flags, args }) =>
    inspectAll(context, args, flags.format, (name) =>
      context.client.text('GET', `${api('containers', name)}/json`, { query: { size: flags.size ? 1 : undefined } }),
    ),
});

const port = command({
  name: 'port',
  aliases: ['container port'],
  summary: 'List port mappings or a specific mapping for the container',
  operands: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  arity: { least: 1, most: 2 },
  flags: {},
  examples: [['port web 80', 'Where port 80 of the container answers on the host']],
  async run(context, { args: [name = '', wanted] }) {
    const { NetworkSettings } = await context.client.json<Inspected>('GET', `${api('containers', name)}/json`);
    const ports = NetworkSettings.Ports ?? {};
    const address = (binding: { HostIp: string; HostPort: string }): string =>
      `${binding.HostIp.includes(':') ? `[${binding.HostIp}]` : binding.HostIp}:${binding.HostPort}`;
    if (wanted !== undefined) {
      const [number = '', protocol = 'tcp'] = wanted.split('/');
      const bindings = ports[`${number}/${protocol}`];
      if (!bindings?.length) throw new ExitError(`no public port '${number}' published for ${name}`);
      context.out.write(bindings.map((binding) => `${address(binding)}\n`).join(''));
      return 0;
    }
    const rows = Object.entries(ports).toSorted(([a], [b]) => (a < b ? -1 : 1));
    context.out.write(
      rows.flatMap(([key, bindings]) => (bindings ?? []).map((binding) => `${key} -> ${address(binding)}\n`)).join(''),
    );
    return 0;
  },
});

const top = command({
  name: 'top',
  aliases: ['container top'],
  summary: 'Display the running processes of a container',
  operands: 'CONTAINER [ps OPTIONS]',
  arity: { least: 1 },
  interspersed: false,
  flags: {},
  examples: [
    ['top web', 'Its processes'],
    ['top web -o pid,comm', 'with columns of your choice'],
  ],
  async run(context, { args: [name = '', ...options] }) {
    const { Titles, Processes } = await context.client.json<{ Titles: string[]; Processes: string[][] | null }>(
      'GET',
      `${api('containers', name)}/top`,
      {
        query: { ps_args: options.join(' ') || undefined },
      },
    );
    context.out.write(alignColumns([Titles, ...(Processes ?? [])], 20));
    return 0;
  },
});

const wait = command({
  name: 'wait',
  aliases: ['container wait'],
  summary: 'Block until one or more containers stop, then print their exit codes',
  operands: CONTAINERS,
  arity: { least: 1 },
  flags: {},
  examples: [['wait job', 'Until it has ended']],
  async run(context, { args }) {
    let failed = 0;
    for (const name of args) {
      try {
        const exit = await awaitExit(context, name, 'not-running');
        context.out.write(`${await exit.status}\n`);
      } catch (error) {
        if (!(error instanceof EngineFailure)) throw error;
        context.err.write(`Error response from daemon: ${error.message}\n`);
        failed = 1;
      }
    }
    return failed;
  },
});

const rename = command({
  name: 'rename',
  aliases: ['container rename'],
  summary: 'Rename a container',
  operands: 'CONTAINER NEW_NAME',
  arity: { least: 2, most: 2 },
  flags: {},
  examples: [['rename web web-old', 'Give a container another name']],
  async run(context, { args: [from = '', to = ''] }) {
    await context.client.text('POST', `${api('containers', from)}/rename`, { query: { name: to } });
    return 0;
  },
});

const prune = command({
  name: 'container prune',
  summary: 'Remove all stopped containers',
  arity: { least: 0, most: 0 },
  flags: {
    filter: list('Provide filter values (e.g. "until=<timestamp>")', { placeholder: 'filter' }),
    force: toggle('Do not prompt for confirmation', { short: 'f' }),
  },
  examples: [['container prune -f', 'Without a question']],
  async run(context, { flags }) {
    if (!flags.force && !(await confirm(context, 'WARNING! This will remove all stopped containers.'))) return 1;
    const answer = await context.client.json<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>(
      'POST',
      '/containers/prune',
      {
        query: { filters: filterQuery(flags.filter) },
      },
    );
    if (answer.ContainersDeleted?.length)
      context.out.write(`Deleted Containers:\n${answer.ContainersDeleted.join('\n')}\n\n`);
    context.out.write(`Total reclaimed space: ${humanSize(answer.SpaceReclaimed, 4)}\n`);
    return 0;
  },
});

/** Those that also stand at the top level: `passerelle start`. */
export const commands: readonly Command[] = [
  attach,
  create,
  exec,
  kill,
  logs,
  simple('pause', 'Pause all processes within one or more containers'),
  port,
  ps,
  rename,
  stopping('restart', 'Restart one or more containers'),
  rm,
  run,
  start,
  stopping('stop', 'Stop one or more running containers'),
  top,
  simple('unpause', 'Unpause all processes within one or more containers'),
  wait,
];

export const group: Group = {
  name: 'container',
  summary: 'Manage containers',
  commands: [...commands.map((each) => (each === ps ? { ...each, name: 'container ls' } : each)), inspect, prune],
};
