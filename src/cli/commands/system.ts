import { command, ExitError } from '../command.ts';
import type { Command, Context } from '../command.ts';
import { EngineFailure, Unreachable } from '../client/client.ts';
import { list, text, toggle } from '../flags.ts';
import { inspectAll } from '../inspect.ts';
import { readTemplate } from '../print/listing.ts';
import { api, filterQuery } from '../requests.ts';
import { execute } from '../template/evaluate.ts';
import { TemplateError } from '../template/syntax.ts';
import { timestamp } from './time.ts';
import { VERSION } from '../version.ts';

const FORMAT = text("Format output using a custom template: 'json' or a Go template", { short: 'f' });

function byTemplate(format: string, data: unknown): string {
  if (format === 'json') return `${JSON.stringify(data)}\n`;
  try {
    return `${execute(readTemplate(format), data)}\n`;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ExitError(`template parsing error: template: ${error.message}`);
  }
}

/** Kind -> how it is looked up, in the order in which a name is tried. */
const KINDS: Readonly<Record<string, (name: string) => string>> = {
  container: (name) => `${api('containers', name)}/json`,
  image: (name) => `${api('images', name)}/json`,
  network: (name) => api('networks', name),
  volume: (name) => api('volumes', name),
};

async function lookUp(context: Context, name: string, type: string): Promise<string> {
  for (const [kind, path] of Object.entries(KINDS)) {
    if (type !== '' && type !== kind) continue;
    try {
      return await context.client.text('GET', path(name));
    } catch (error) {
      if (!(error instanceof EngineFailure && error.status === 404)) throw error;
    }
  }
  throw new ExitError(`Error: No such ${type || 'object'}: ${name}`);
}

const inspect = command({
  name: 'inspect',
  summary: 'Return low-level information on Docker objects',
  operands: 'NAME|ID [NAME|ID...]',
  arity: { least: 1 },
  flags: {
    format: FORMAT,
    size: toggle('Display total file sizes if the type is container', { short: 's' }),
    type: text('Only inspect objects of the given type'),
  },
  examples: [
    ['inspect web', 'A container, image, network or volume'],
    ['inspect -f "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}" web', "A container's addresses"],
  ],
  async run(context, { flags, args }) {
    if (flags.type !== '' && !Object.hasOwn(KINDS, flags.type))
      throw new ExitError(`unknown type: "${flags.type}": must be one of "${Object.keys(KINDS).join('", "')}"`);
    return await inspectAll(context, args, flags.format, (name) => lookUp(context, name, flags.type));
  },
});

interface EventMessage {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> | null };
  readonly time: number;
  readonly timeNano: number;
}

/** `2019-11-23T17:18:36.467168945+00:00 network create 5f… (name=net-test, type=bridge)` */
function eventLine(event: EventMessage): string {
  const attributes = Object.entries(event.Actor.Attributes ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const shown = attributes.length > 0 ? ` (${attributes.map(([key, value]) => `${key}=${value}`).join(', ')})` : '';
  return `${eventTime(event)} ${event.Type} ${event.Action} ${event.Actor.ID}${shown}\n`;
}

/** A number holds the moment to some hundred nanoseconds. */
function eventTime({ time, timeNano }: EventMessage): string {
  const date = new Date(time * 1000);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
  const fraction = timeNano ? String(timeNano % 1e9).padStart(9, '0') : '000000000';
  const offset = -date.getTimezoneOffset();
  const two = (part: number): string => String(part).padStart(2, '0');
  const zone =
    offset === 0
      ? 'Z'
      : `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${local}.${fraction}${zone}`;
}

const events = command({
  name: 'events',
  aliases: ['system events'],
  summary: 'Get real time events from the server',
  arity: { least: 0, most: 0 },
  flags: {
    filter: list('Filter output based on conditions provided', { short: 'f', placeholder: 'filter' }),
    format: text("Format output using a custom template: 'json' or a Go template"),
    since: text('Show all events created since timestamp'),
    until: text('Stream events until this timestamp'),
  },
  examples: [
    ['events --filter type=network', 'What happens to networks'],
    ['events --since 10m --until 0s', 'The last ten minutes'],
  ],
  async run(context, { flags }) {
    const nodes = flags.format && flags.format !== 'json' ? readTemplate(flags.format) : undefined;
    const stream = context.client.stream<EventMessage>('GET', '/events', {
      query: {
        filters: filterQuery(flags.filter),
        since: timestamp(flags.since, context.now()),
        until: timestamp(flags.until, context.now()),
      },
    });
    for await (const event of stream)
      if (nodes) context.out.write(byTemplate(flags.format, event));
      else context.out.write(flags.format === 'json' ? `${JSON.stringify(event)}\n` : eventLine(event));
    return 0;
  },
});

interface ServerVersion {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion: string;
  readonly Os: string;
  readonly Arch: string;
  readonly Components?: readonly {
    readonly Name: string;
    readonly Version: string;
    readonly Details?: Readonly<Record<string, string>>;
  }[];
}

const version = command({
  name: 'version',
  summary: 'Show the Passerelle version information',
  arity: { least: 0, most: 0 },
  flags: { format: FORMAT },
  examples: [
    ['version', 'Of this program and of the daemon'],
    ['version -f "{{.Server.Version}}"', "The daemon's only"],
  ],
  async run(context, { flags }) {
    const client = {
      Version: VERSION,
      ApiVersion: '1.41',
      NodeVersion: process.version,
      Os: process.platform,
      Arch: process.arch,
    };
    let server: ServerVersion | undefined;
    let failure: unknown;
    try {
      server = await context.client.json<ServerVersion>('GET', '/version');
    } catch (error) {
      if (!(error instanceof EngineFailure || error instanceof Unreachable)) throw error;
      failure = error;
    }
    if (flags.format) context.out.write(byTemplate(flags.format, { Client: client, Server: server ?? null }));
    else {
      context.out.write(
        section('Client', [
          ['Version', client.Version],
          ['API version', client.ApiVersion],
          ['Node version', client.NodeVersion],
          ['OS/Arch', `${client.Os}/${client.Arch}`],
        ]),
      );
      if (server) context.out.write(`\n${serverSection(server)}`);
    }
    if (failure) throw failure;
    return 0;
  },
});

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  return `${title}:\n${rows.map(([name, value]) => ` ${`${name}:`.padEnd(18)} ${value}\n`).join('')}`;
}

function serverSection(server: ServerVersion): string {
  const rows: [string, string][] = [
    ['Version', server.Version],
    ['API version', `${server.ApiVersion} (minimum version ${server.MinAPIVersion})`],
    ['OS/Arch', `${server.Os}/${server.Arch}`],
  ];
  const others = (server.Components ?? []).slice(1).map(({ Name, Version }): [string, string] => [Name, Version]);
  return section('Server', [...rows, ...others]);
}

interface Info {
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly ContainersPaused: number;
  readonly ContainersStopped: number;
  readonly Images: number;
  readonly ServerVersion: string;
  readonly Driver: string;
  readonly LoggingDriver: string;
  readonly CgroupDriver: string;
  readonly CgroupVersion?: string;
  readonly Plugins?: { readonly Network?: readonly string[] | null; readonly Volume?: readonly string[] | null };
  readonly DefaultRuntime: string;
  readonly KernelVersion: string;
  readonly OperatingSystem: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Name: string;
  readonly ID: string;
  readonly DockerRootDir: string;
  readonly Warnings?: readonly string[] | null;
}

const info = command({
  name: 'info',
  aliases: ['system info'],
  summary: 'Display system-wide information',
  arity: { least: 0, most: 0 },
  flags: { format: FORMAT },
  examples: [['info -f "{{.ContainersRunning}}"', 'How many containers run']],
  async run(context, { flags }) {
    const found = await context.client.json<Info>('GET', '/info');
    if (flags.format) {
      context.out.write(byTemplate(flags.format, found));
      return 0;
    }
    const rows: (readonly [string, string | number | undefined])[] = [
      ['Containers', found.Containers],
      [' Running', found.ContainersRunning],
      [' Paused', found.ContainersPaused],
      [' Stopped', found.ContainersStopped],
      ['Images', found.Images],
      ['Server Version', found.ServerVersion],
      ['Storage Driver', found.Driver],
      ['Logging Driver', found.LoggingDriver],
      ['Cgroup Driver', found.CgroupDriver],
      ['Cgroup Version', found.CgroupVersion],
      ['Network Drivers', found.Plugins?.Network?.join(' ')],
      ['Volume Drivers', found.Plugins?.Volume?.join(' ')],
      ['Default Runtime', found.DefaultRuntime],
      ['Kernel Version', found.KernelVersion],
      ['Operating System', found.OperatingSystem],
      ['OSType', found.OSType],
      ['Architecture', found.Architecture],
      ['CPUs', found.NCPU],
      ['Total Memory', `${Number((found.MemTotal / 1024 ** 3).toPrecision(4))}GiB`],
      ['Name', found.Name],
      ['ID', found.ID],
      ['Root Dir', found.DockerRootDir],
    ];
    const lines = rows
      .filter(([, value]) => value !== undefined && value !== '')
      .map(([name, value]) => ` ${name}: ${value}\n`);
    context.out.write(`Client:\n Version: ${VERSION}\n\nServer:\n${lines.join('')}`);
    for (const warning of found.Warnings ?? []) context.err.write(`${warning}\n`);
    return 0;
  },
});

export const commands: readonly Command[] = [events, info, inspect, version];
