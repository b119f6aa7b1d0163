/** Making a container: its record, its volumes and what lasts from create to remove. */
import type { ContainerConfig, HostConfig } from '../container/config.ts';
import type { ContainerMount, ContainerRecord, NetworkPlace } from '../container/container.ts';
import { checkHealthConfig } from '../container/health.ts';
import { commandLine, mergeConfig } from '../container/merge.ts';
import { wantedMounts } from '../container/mounts.ts';
import { generatedName } from '../container/name.ts';
import { parseSignal } from '../container/signal.ts';
import { checkContainerName, checkHostname } from '../network/name.ts';
import type { EndpointSettings } from '../network/endpoint.ts';
import { EngineError } from '../network/error.ts';
import { requestedPorts } from '../network/port.ts';
import { checkEndpointSettings } from '../network/settings.ts';
import type { Context } from './context.ts';
import type { ContainerRequest } from './engine.ts';
import { refuseUnknownLinks } from './links.ts';
import { findContainer, findNetwork } from './lookup.ts';
import type { Table } from './records.ts';

const NEVER = '0001-01-01T00:00:00Z';

/** What a container is made with. Only making its volumes leaves anything behind. */
export type Creation = Omit<Context, 'volumes'> & { readonly volumes: Pick<Context['volumes'], 'create'> };

/** @returns the record, not yet stored, and what the user should know */
export async function createContainer(
  context: Creation,
  request: ContainerRequest,
): Promise<{ readonly record: ContainerRecord; readonly warnings: readonly string[] }> {
  const { clock, images, ledger } = context;
  const id = clock.hex(32);
  const Hostname = hostnameOf(context, request, id);
  const warnings = validateHostConfig(request);
  checkHealthConfig(request.config.Healthcheck);
  const image = await images.find(request.config.Image);
  const config: ContainerConfig = { ...mergeConfig(request.config, image.config), Hostname };
  const args = commandLine(config);
  if (args.length === 0) throw new EngineError('invalid', 'No command specified');
  if (config.StopSignal) parseSignal(config.StopSignal);
  const name = request.name ? checkContainerName(request.name) : freeName(ledger.container, clock);
  refuseTakenName(ledger.container, name);
  refuseUnknownLinks(ledger, request.hostConfig);
  const mounts = await resolveMounts(context, config, request);
  const record: ContainerRecord = {
    id,
    name,
    created: clock.now(),
    imageId: image.id,
    args,
    config,
    hostConfig: withIds(ledger.container, request.hostConfig),
    state: {
      status: 'created',
      pid: 0,
      exitCode: 0,
      error: '',
      startedAt: NEVER,
      finishedAt: NEVER,
      stoppedByUser: false,
      oomKilled: false,
    },
    restartCount: 0,
    mounts,
    networks: requestedNetworks(context, request),
  };
  return { record, warnings };
}

/** With the id of a container whose namespaces are shared in the place of its name, which may change. */
function withIds(containers: Table<ContainerRecord>, hostConfig: HostConfig): HostConfig {
  const withId = (mode: string): string => {
    const holder = mode.startsWith('container:') ? mode.slice('container:'.length) : '';
    return holder ? `container:${findContainer({ container: containers }, holder, 'optional')?.id ?? holder}` : mode;
  };
  const { NetworkMode, PidMode, IpcMode } = hostConfig;
  return { ...hostConfig, NetworkMode: withId(NetworkMode), PidMode: withId(PidMode), IpcMode: withId(IpcMode) };
}

export function refuseTakenName(containers: Table<ContainerRecord>, name: string): void {
  const holder = containers.where('name', name)[0];
  if (!holder) return;
  throw new EngineError(
    'conflict',
    `Conflict. The container name "/${name}" is already in use by container "${holder.id}". ` +
      'You have to remove (or rename) that container to be able to reuse that name.',
  );
}

function freeName(containers: Table<ContainerRecord>, clock: Context['clock']): string {
  for (let attempt = 0; ; attempt++) {
    const name = generatedName(Number.parseInt(clock.hex(4), 16), attempt);
    if (containers.where('name', name).length === 0) return name;
  }
}

function hostnameOf({ host }: Creation, { config, hostConfig }: ContainerRequest, id: string): string {
  return config.Hostname || (hostConfig.NetworkMode === 'host' ? host.hostname() : id.slice(0, 12));
}

/** Checks that need no kernel: in Docker's words, before anything is made. */
function validateHostConfig(request: ContainerRequest): string[] {
  const { config, hostConfig } = request;
  const warnings: string[] = [];
  for (const name of [config.Hostname, config.Domainname]) if (name) checkHostname(name);
  refuseConflicts(request);
  const { Name: policy, MaximumRetryCount: retries } = hostConfig.RestartPolicy;
  if (hostConfig.AutoRemove && policy !== '' && policy !== 'no') {
    throw new EngineError('invalid', "can't create 'AutoRemove' container with restart policy");
  }
  requestedPorts(config.ExposedPorts ?? {}, hostConfig.PortBindings ?? {}, hostConfig.PublishAllPorts);
  if (!['', 'no', 'always', 'unless-stopped', 'on-failure'].includes(policy)) {
    throw new EngineError('invalid', `invalid restart policy '${policy}'`);
  }
  if (retries !== 0 && policy !== 'on-failure') {
    throw new EngineError('invalid', `maximum retry count cannot be used with restart policy '${policy}'`);
  }
  if (hostConfig.NetworkMode === 'host' && bindsPorts(request)) {
    warnings.push('Published ports are discarded when using host network mode');
  }
  return warnings;
}

const bindsPorts = ({ hostConfig }: ContainerRequest): boolean => Object.keys(hostConfig.PortBindings ?? {}).length > 0;

/** What does not go together with the network mode. */
function refuseConflicts(request: ContainerRequest): void {
  const { config, hostConfig } = request;
  const mode = hostConfig.NetworkMode;
  const isJoining = mode.startsWith('container:');
  const refuse = (what: string): void => {
    throw new EngineError('invalid', `conflicting options: ${what}`);
  };
  const refuseFor = (what: string): void => refuse(`${what} and the container type network mode`);
  if (isJoining && config.Hostname) refuse('hostname and the network mode');
  if (isJoining && hostConfig.Links?.length) refuseFor('host links');
  if (isJoining && hostConfig.Dns?.length) refuse('dns and the network mode');
  if (isJoining && hostConfig.ExtraHosts?.length) refuse('custom host-to-IP mapping and the network mode');
  if ((isJoining || mode === 'host') && config.MacAddress) refuse('mac-address and the network mode');
  if (isJoining && (bindsPorts(request) || hostConfig.PublishAllPorts)) refuseFor('port publishing');
  if (isJoining && Object.keys(config.ExposedPorts ?? {}).length > 0) refuseFor('port exposing');
  if (mode === 'host' && hostConfig.Links?.length) {
    refuse("host type networking can't be used with links. This would result in undefined behavior");
  }
}

/** The networks that the container will be on, by name, the one of its network mode first. */
function requestedNetworks(
  { ledger }: Creation,
  { hostConfig, networks }: ContainerRequest,
): ContainerRecord['networks'] {
  const mode = hostConfig.NetworkMode === 'default' ? 'bridge' : hostConfig.NetworkMode;
  if (mode.startsWith('container:')) return {};
  const result: Record<string, NetworkPlace> = {};
  const add = (ref: string, settings: EndpointSettings): void => {
    // A missing network is told at start, as Docker does: it may be created until then.
    const network = findNetwork(ledger, ref, 'optional');
    const name = network?.name ?? ref;
    result[name] = { ...(network ? checkEndpointSettings(network, settings) : settings), networkId: network?.id ?? '' };
  };
  const main = findNetwork(ledger, mode, 'optional');
  const isMain = (ref: string): boolean =>
    ref === hostConfig.NetworkMode || ref === mode || ref === main?.name || ref === main?.id;
  const own = Object.entries(networks).find(([ref]) => isMain(ref))?.[1] ?? {};
  add(mode, own);
  for (const [ref, settings] of Object.entries(networks)) if (!isMain(ref)) add(ref, settings);
  return result;
}

async function resolveMounts(
  { ledger, volumes, clock }: Creation,
  config: ContainerConfig,
  request: ContainerRequest,
): Promise<readonly ContainerMount[]> {
  const from = (request.hostConfig.VolumesFrom ?? []).map((spec) => {
    const [ref, mode = ''] = spec.split(':');
    return { mounts: findContainer(ledger, ref!).mounts, mode };
  });
  const wanted = wantedMounts(config, request.hostConfig, from);
  const mounts: ContainerMount[] = [];
  for (const mount of wanted) {
    if (mount.type !== 'volume' || mount.source) {
      mounts.push(mount);
      continue;
    }
    const volume = await volumes.create(mount.name ? { name: mount.name } : { name: clock.hex(32), anonymous: true });
    mounts.push({ ...mount, name: volume.name, source: volume.mountpoint });
  }
  return mounts;
}
