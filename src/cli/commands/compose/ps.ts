import { nameOf } from '../../../core/compose/present.ts';
import { apiPath } from '../../../core/compose/task.ts';
import { command } from '../../command.ts';
import { composeTable } from '../../compose/table.ts';
import { toggle } from '../../flags.ts';
import { withProject, load, chosen } from './project.ts';

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

export const ps = command({
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
