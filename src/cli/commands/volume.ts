import { command } from '../command.ts';
import type { Group } from '../command.ts';
import { EngineFailure } from '../client/client.ts';
import { list, map, text, toggle } from '../flags.ts';
import { inspectAll } from '../inspect.ts';
import { printListing } from '../print/listing.ts';
import type { Listing } from '../print/listing.ts';
import { humanSize } from '../print/units.ts';
import { api, confirm, filterQuery, forEach } from '../requests.ts';
import { FORMAT } from './format.ts';
import { labelsOf } from './network.ts';

interface Volume {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly Scope: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

const LISTING: Listing<Volume> = {
  type: '*formatter.volumeContext',
  headers: {
    Name: 'VOLUME NAME',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    Mountpoint: 'MOUNTPOINT',
    Labels: 'LABELS',
    Label: '',
  },
  table: '{{.Driver}}\t{{.Name}}',
  quiet: '{{.Name}}',
  columns: (volume) => ({
    Name: volume.Name,
    Driver: volume.Driver,
    Scope: volume.Scope,
    Mountpoint: volume.Mountpoint,
    Labels: Object.entries(volume.Labels ?? {})
      .map((pair) => pair.join('='))
      .join(','),
    Label: (key: string) => volume.Labels?.[key] ?? '',
  }),
};

const ls = command({
  name: 'volume ls',
  aliases: ['volume list'],
  summary: 'List volumes',
  arity: { least: 0, most: 0 },
  flags: {
    filter: list('Provide filter values (e.g. "dangling=true")', { short: 'f', placeholder: 'filter' }),
    format: FORMAT,
    quiet: toggle('Only display volume names', { short: 'q' }),
  },
  examples: [['volume ls -qf dangling=true', 'Names of those that no container uses']],
  async run(context, { flags }) {
    const { Volumes } = await context.client.json<{ Volumes: Volume[] | null }>('GET', '/volumes', {
      query: { filters: filterQuery(flags.filter) },
    });
    const sorted = (Volumes ?? []).toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
    context.out.write(printListing(LISTING, sorted, flags));
    return 0;
  },
});

const create = command({
  name: 'volume create',
  summary: 'Create a volume',
  operands: '[VOLUME]',
  arity: { least: 0, most: 1 },
  flags: {
    driver: text('Specify volume driver name', { short: 'd', initial: 'local' }),
    label: list('Set metadata for a volume'),
    name: text('Specify volume name'),
    opt: map('Set driver specific options', { short: 'o' }),
  },
  examples: [['volume create data', 'A volume of that name']],
  async run(context, { flags, args: [name = flags.name] }) {
    const body = { Name: name, Driver: flags.driver, DriverOpts: flags.opt, Labels: labelsOf(flags.label) };
    const volume = await context.client.json<Volume>('POST', '/volumes/create', { body });
    context.out.write(`${volume.Name}\n`);
    return 0;
  },
});

const inspect = command({
  name: 'volume inspect',
  summary: 'Display detailed information on one or more volumes',
  operands: 'VOLUME [VOLUME...]',
  arity: { least: 1 },
  flags: { format: text("Format output using a custom template: 'json' or a Go template", { short: 'f' }) },
  examples: [['volume inspect -f "{{.Mountpoint}}" data', 'Where it is']],
  run: (context, { flags, args }) =>
    inspectAll(context, args, flags.format, (name) => context.client.text('GET', api('volumes', name))),
});

const rm = command({
  name: 'volume rm',
  aliases: ['volume remove'],
  summary: 'Remove one or more volumes',
  operands: 'VOLUME [VOLUME...]',
  arity: { least: 1 },
  flags: { force: toggle('Force the removal of one or more volumes', { short: 'f' }) },
  examples: [['volume rm data', 'Remove a volume and what is in it']],
  run: (context, { flags, args }) =>
    forEach(context, args, async (name) => {
      try {
        await context.client.text('DELETE', api('volumes', name), { query: { force: flags.force ? 1 : undefined } });
      } catch (error) {
        if (!(flags.force && error instanceof EngineFailure && error.status === 404)) throw error;
      }
    }),
});

const prune = command({
  name: 'volume prune',
  summary: 'Remove unused local volumes',
  arity: { least: 0, most: 0 },
  flags: {
    all: toggle('Remove all unused volumes, not just anonymous ones', { short: 'a' }),
    filter: list('Provide filter values (e.g. "label=<label>")', { placeholder: 'filter' }),
    force: toggle('Do not prompt for confirmation', { short: 'f' }),
  },
  examples: [['volume prune -f', 'Without a question']],
  async run(context, { flags }) {
    const kind = flags.all ? 'all' : 'anonymous';
    if (
      !flags.force &&
      !(await confirm(context, `WARNING! This will remove ${kind} local volumes not used by at least one container.`))
    )
      return 1;
    const filters = filterQuery([...flags.filter, ...(flags.all ? ['all=true'] : [])]);
    const answer = await context.client.json<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }>(
      'POST',
      '/volumes/prune',
      { query: { filters } },
    );
    if (answer.VolumesDeleted?.length) context.out.write(`Deleted Volumes:\n${answer.VolumesDeleted.join('\n')}\n\n`);
    context.out.write(`Total reclaimed space: ${humanSize(answer.SpaceReclaimed, 4)}\n`);
    return 0;
  },
});

export const group: Group = { name: 'volume', summary: 'Manage volumes', commands: [create, inspect, ls, prune, rm] };
