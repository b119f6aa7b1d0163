import { command } from '../command.ts';
import { integer, list, toggle } from '../flags.ts';
import { printListing } from '../print/listing.ts';
import type { Listing } from '../print/listing.ts';
import { portsLine } from '../print/ports.ts';
import type { Port } from '../print/ports.ts';
import { humanDuration, humanSize, localTime } from '../print/units.ts';
import { filterQuery } from '../requests.ts';
import { FORMAT } from './format.ts';

export interface ContainerSummary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  readonly Command: string;
  readonly Created: number;
  readonly State: string;
  readonly Status: string;
  readonly Ports: readonly Port[];
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, unknown>> };
  readonly Mounts?: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Driver?: string;
  }[];
}

function listing(trunc: boolean, withSize: boolean, now: number): Listing<ContainerSummary> {
  const short = (text: string, most: number): string =>
    trunc && Array.from(text).length > most
      ? `${Array.from(text)
          .slice(0, most - 1)
          .join('')}…`
      : text;
  return {
    type: '*formatter.ContainerContext',
    complaint: 'failed to execute template',
    headers: {
      ID: 'CONTAINER ID',
      Names: 'NAMES',
      Image: 'IMAGE',
      Command: 'COMMAND',
      CreatedAt: 'CREATED AT',
      RunningFor: 'CREATED',
      Ports: 'PORTS',
      State: 'STATE',
      Status: 'STATUS',
      Size: 'SIZE',
      Labels: 'LABELS',
      Label: '',
      Mounts: 'MOUNTS',
      LocalVolumes: 'LOCAL VOLUMES',
      Networks: 'NETWORKS',
    },
    table: `{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}${withSize ? '\t{{.Size}}' : ''}`,
    quiet: '{{.ID}}',
    columns: (container) => ({
      ID: trunc ? container.Id.slice(0, 12) : container.Id,
      Names: namesOf(container, trunc),
      Image: imageOf(container, trunc),
      Command: `"${short(container.Command, 20)}"`,
      CreatedAt: localTime(container.Created * 1000),
      RunningFor: `${humanDuration(now / 1000 - container.Created)} ago`,
      Ports: portsLine(container.Ports),
      State: container.State,
      Status: container.Status,
      Size: sizeOf(container),
      Labels: Object.entries(container.Labels ?? {})
        .map((pair) => pair.join('='))
        .join(','),
      Label: (key: string) => container.Labels?.[key] ?? '',
      Mounts: (container.Mounts ?? []).map((mount) => short(mount.Name || mount.Source, 15)).join(','),
      LocalVolumes: String((container.Mounts ?? []).filter((mount) => mount.Driver === 'local').length),
      Networks: Object.keys(container.NetworkSettings?.Networks ?? {}).join(','),
    }),
  };
}

/** Links give a container further names, `/other/alias`: only its own is of use where space is short. */
function namesOf(container: ContainerSummary, trunc: boolean): string {
  const names = container.Names.map((name) => name.replace(/^\//, ''));
  return (trunc ? names.filter((name) => !name.includes('/')).slice(0, 1) : names).join(',');
}

/** An image that is named by nothing but its id is shown by the id's beginning. */
function imageOf({ Image: name, ImageID: id }: ContainerSummary, trunc: boolean): string {
  if (name === '') return '<no image>';
  const short = (text: string): string => text.replace('sha256:', '').slice(0, 12);
  return trunc && short(id) === short(name) ? short(id) : name;
}

function sizeOf({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string {
  return SizeRootFs > 0 ? `${humanSize(SizeRw)} (virtual ${humanSize(SizeRootFs)})` : humanSize(SizeRw);
}

export const ps = command({
  name: 'ps',
  aliases: ['container ls', 'container list', 'container ps'],
  summary: 'List containers',
  arity: { least: 0, most: 0 },
  flags: {
    all: toggle('Show all containers (default shows just running)', { short: 'a' }),
    filter: list('Filter output based on conditions provided', { short: 'f', placeholder: 'filter' }),
    format: FORMAT,
    last: integer('Show n last created containers (includes all states)', { short: 'n', shown: '-1' }),
    latest: toggle('Show the latest created container (includes all states)', { short: 'l' }),
    'no-trunc': toggle("Don't truncate output"),
    quiet: toggle('Only display container IDs', { short: 'q' }),
    size: toggle('Display total file sizes', { short: 's' }),
  },
  examples: [
    ['ps', 'What runs'],
    [
      'ps -a --filter network=lab --format "table {{.Names}}\\t{{.Status}}"',
      'All containers of a network, with two columns',
    ],
  ],
  async run(context, { flags }) {
    const limit = flags.latest ? 1 : flags.last !== undefined && flags.last > 0 ? flags.last : undefined;
    const wantsSize = flags.size || flags.format.includes('.Size');
    const containers = await context.client.json<ContainerSummary[]>('GET', '/containers/json', {
      query: {
        all: flags.all ? 1 : undefined,
        limit,
        size: wantsSize ? 1 : undefined,
        filters: filterQuery(flags.filter),
      },
    });
    context.out.write(printListing(listing(!flags['no-trunc'], flags.size, context.now()), containers, flags));
    return 0;
  },
});
