/** Which containers a list shows. */
import type { ContainerStatus } from '../../../core/container/container.ts';
import type { HealthStatus } from '../../../core/container/health.ts';
import type { Containers, ContainerView } from '../../../core/engine/engine.ts';
import type { Images } from '../../../core/engine/images.ts';
import { EngineError } from '../../../core/network/error.ts';
import { Filters } from '../http/filters.ts';
import type { Query } from '../http/query.ts';
import { openPorts } from './present-network.ts';

const KNOWN = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];

const STATUSES: readonly string[] = [
  'created',
  'running',
  'paused',
  'restarting',
  'removing',
  'exited',
  'dead',
] satisfies ContainerStatus[];

const HEALTHS: readonly string[] = ['none', 'starting', 'healthy', 'unhealthy'] satisfies (HealthStatus | 'none')[];

/** The containers that the query asks for, newest first. */
export async function selectContainers(
  query: Query,
  containers: Pick<Containers, 'list' | 'get'>,
  images: Images,
): Promise<readonly ContainerView[]> {
  const filters = Filters.read(query, KNOWN);
  for (const status of filters.get('status')) {
    if (!STATUSES.includes(status)) throw new EngineError('invalid', `invalid filter 'status=${status}'`);
  }
  for (const health of filters.get('health')) {
    if (!HEALTHS.includes(health)) throw new EngineError('invalid', `Unrecognised filter value for health: ${health}`);
  }
  const limit = query.number('limit') ?? 0;
  const before = query.text('before') || filters.get('before')[0];
  const since = query.text('since') || filters.get('since')[0];
  const all = query.flag('all') || limit > 0 || filters.has('status') || before !== undefined || since !== undefined;
  const ancestors = await imageIds(filters.get('ancestor'), images);

  let views = [...containers.list()].sort((a, b) => (a.container.created < b.container.created ? 1 : -1));
  if (before !== undefined) views = views.slice(position(views, containers.get(before)) + 1);
  if (since !== undefined) views = views.slice(0, position(views, containers.get(since)));
  const shown = views.filter((view) => (all || isRunning(view)) && matches(view, filters, ancestors));
  return limit > 0 ? shown.slice(0, limit) : shown;
}

function matches(view: ContainerView, filters: Filters, ancestors: ReadonlySet<string>): boolean {
  const { container } = view;
  return (
    filters.match('name', ...[container.name, ...view.linkNames].flatMap((name) => [name, `/${name}`])) &&
    filters.match('id', container.id) &&
    filters.labels(container.config.Labels) &&
    filters.exact('status', container.state.status) &&
    filters.exact('is-task', 'false') &&
    filters.exact('health', container.state.health ?? 'none') &&
    filters.some(
      'exited',
      (code) => view.container.state.status === 'exited' && Number(code) === container.state.exitCode,
    ) &&
    filters.some('network', (ref) => isOn(view, ref)) &&
    filters.some('volume', (ref) =>
      container.mounts.some(({ name, destination }) => ref === name || ref === destination),
    ) &&
    filters.some('ancestor', (ref) => ref === container.config.Image || ancestors.has(container.imageId)) &&
    filters.some('publish', (port) => published(view).some((open) => inRange(open, port))) &&
    filters.some('expose', (port) => exposed(view).some((open) => inRange(open, port)))
  );
}

const isRunning = ({ container }: ContainerView): boolean =>
  ['running', 'paused', 'restarting'].includes(container.state.status);

const position = (views: readonly ContainerView[], { container }: ContainerView): number =>
  views.findIndex((view) => view.container.id === container.id);

const isOn = ({ container }: ContainerView, ref: string): boolean =>
  Object.entries(container.networks).some(
    ([name, { networkId }]) => name === ref || (ref !== '' && networkId.startsWith(ref)),
  );

const published = (view: ContainerView): string[] =>
  [...openPorts(view)].flatMap(([, bindings]) => bindings.map(({ hostPort, protocol }) => `${hostPort}/${protocol}`));

const exposed = ({ container }: ContainerView): string[] => Object.keys(container.config.ExposedPorts ?? {});

/** Whether `80/tcp` is within `80`, `80/tcp` or `80-90/tcp`. */
function inRange(port: string, range: string): boolean {
  const [ports = '', protocol = 'tcp'] = range.split('/');
  const [from, to = from] = ports.split('-').map(Number);
  const [number, its = 'tcp'] = port.split('/');
  return its === protocol && Number(number) >= from! && Number(number) <= to!;
}

async function imageIds(refs: readonly string[], images: Images): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (const ref of refs) {
    try {
      ids.add((await images.find(ref)).id);
    } catch (error) {
      // An image that is gone may still stand in a container's configuration.
      if (!(error instanceof EngineError && error.code === 'not-found')) throw error;
    }
  }
  return ids;
}
