/** From what a user asks of a network to its record, or to a refusal in Docker's words. */
import type { Version } from '../address/address.ts';
import type { NetworkRequest } from '../engine/engine.ts';
import { parseAnnouncement } from './announcement.ts';
import { parseBridge, refuseSharedBridge } from './bridge.ts';
import { EngineError } from './error.ts';
import { checkNetworkName } from './name.ts';
import type { Labels, NetworkRecord } from './network.ts';
import { booleanOption } from './option.ts';
import { isParentDriver, parseParent } from './parent.ts';
import { checkPools, poolAsWritten } from './pool-request.ts';
import { resolvePools, type PoolContext } from './pools.ts';
import { isPredefined } from './predefined.ts';

export { isPredefined, predefinedRequests } from './predefined.ts';

/** What a request is resolved against. */
export interface NetworkContext extends PoolContext {
  /** Those of `networks` that have that name. */
  readonly named: (name: string) => readonly NetworkRecord[];
  /** Those of `networks` whose bridge has that name. */
  readonly onBridge: (name: string) => readonly NetworkRecord[];
  readonly id: string;
  readonly created: string;
  readonly sequence: number;
  /** 8 random hexadecimal digits. */
  readonly random: string;
  /** The addresses, with prefix length, of a bridge of the host; undefined if there is no such bridge. */
  readonly addressesOfBridge: (name: string) => readonly string[] | undefined;
  /** All links that it has. */
  readonly hostLinks: readonly string[];
  /** The engine asks for one of the predefined networks itself. */
  readonly predefined?: boolean;
  /** Driver -> options that its networks have if they do not say otherwise: the daemon's default-network-opt. */
  readonly defaultOptions?: Readonly<Record<string, Labels>>;
}

const ENABLE_IPV4 = 'com.docker.network.enable_ipv4';
const ENABLE_IPV6 = 'com.docker.network.enable_ipv6';
const DRIVERS: ReadonlySet<string> = new Set(['bridge', 'macvlan', 'ipvlan', 'host', 'null']);
const DEFAULT_DRIVER = 'bridge';
const NO_SWARM =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

export function resolveNetwork(request: NetworkRequest, context: NetworkContext): NetworkRecord {
  refuseName(request.name, context);
  refuseScope(request);
  if (request.configOnly) return configOnly(request, context);
  const asked = request.configFrom ? configured(request, context) : withDefaults(request, context);
  refuseDriver(asked.driver, context);
  refuseIpamDriver(asked.ipam?.driver);
  const enableIPv4 = asked.enableIPv4 ?? booleanOption(asked.options, ENABLE_IPV4) ?? true;
  const enableIPv6 = asked.enableIPv6 ?? booleanOption(asked.options, ENABLE_IPV6) ?? false;
  if (!enableIPv4 && !enableIPv6) throw new EngineError('invalid', 'IPv4 or IPv6 must be enabled');
  const requested = checkPools(asked.ipam?.pools ?? [], enableIPv6);
  const record = baseRecord({ ...asked, enableIPv4, enableIPv6 }, context);
  const versions: Version[] = [...(enableIPv4 ? [4 as const] : []), ...(enableIPv6 ? [6 as const] : [])];
  if (asked.driver !== 'bridge' && !isParentDriver(asked.driver)) return record;
  // What is wrong with the subnets is told before what is wrong with the options.
  const pools = resolvePools(versions, requested, context, isParentDriver(asked.driver));
  const network = { ...record, ipam: { ...record.ipam, pools } };
  parseAnnouncement(asked.options);
  if (asked.driver === 'bridge') {
    const bridge = parseBridge(asked.options, { ...context, internal: asked.internal });
    refuseSharedBridge(context.id, bridge, context.onBridge(bridge.name));
    return { ...network, bridge };
  }
  const parent = parseParent(asked.driver, asked.options, context);
  return { ...network, parent, internal: asked.internal || parent.made?.kind === 'dummy' };
}

function refuseName(name: string, { named, predefined = false }: NetworkContext): void {
  if (isPredefined(name) && !predefined) {
    throw new EngineError('forbidden', `operation is not permitted on predefined ${name} network `);
  }
  checkNetworkName(name);
  if (named(name).length > 0) throw new EngineError('conflict', `network with name ${name} already exists`);
}

function refuseScope({ scope, ingress }: NetworkRequest): void {
  if (scope === 'swarm') {
    throw new EngineError('forbidden', 'cannot create a swarm scoped network when swarm is not active');
  }
  if (scope !== '' && scope !== 'local') throw new EngineError('unavailable', NO_SWARM);
  if (ingress) throw new EngineError('forbidden', 'Ingress network can only be global scope network');
}

function refuseDriver(driver: string, { predefined = false }: NetworkContext): void {
  if (driver === 'overlay') throw new EngineError('forbidden', NO_SWARM);
  if (!DRIVERS.has(driver)) throw new EngineError('not-found', `plugin "${driver}" not found`);
  if ((driver === 'host' || driver === 'null') && !predefined) {
    throw new EngineError('forbidden', `only one instance of "${driver}" network is allowed`);
  }
}

function refuseIpamDriver(driver: string | undefined): void {
  if (!driver || driver === 'default') return;
  if (driver === 'null') throw new EngineError('invalid', 'ipv4 pool is empty');
  throw new EngineError('not-found', `plugin "${driver}" not found`);
}

function withDefaults(
  request: NetworkRequest,
  { defaultOptions = {}, predefined = false }: NetworkContext,
): NetworkRequest {
  const driver = request.driver || DEFAULT_DRIVER;
  return predefined ? request : { ...request, driver, options: { ...defaultOptions[driver], ...request.options } };
}

/** A network that is nothing but a template for others: it holds no pool and makes nothing. */
function configOnly(request: NetworkRequest, context: NetworkContext): NetworkRecord {
  if (request.configFrom) {
    throw new EngineError('forbidden', 'a configuration network cannot depend on another configuration network');
  }
  if (request.internal || request.attachable) {
    throw new EngineError(
      'forbidden',
      'configuration network can only contain network specific fields. ' +
        'Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
    );
  }
  checkPools(request.ipam?.pools ?? [], true);
  const { enableIPv4 = true, enableIPv6 = false } = request;
  return baseRecord({ ...request, driver: 'null', enableIPv4, enableIPv6 }, context);
}

/** The request with what the configuration network says in its place. */
function configured(request: NetworkRequest, { named }: NetworkContext): NetworkRequest {
  const config = named(request.configFrom).find(({ configOnly }) => configOnly);
  if (!config) throw new EngineError('not-found', `configuration network "${request.configFrom}" does not exist`);
  if (Object.keys(request.options).length > 0) {
    throw new EngineError(
      'forbidden',
      'network driver options are not supported if the network depends on a configuration network',
    );
  }
  const ownWords =
    Object.keys(request.labels).length > 0 ||
    request.enableIPv6 === true ||
    (request.ipam !== undefined && (request.ipam.pools.length > 0 || !['', 'default'].includes(request.ipam.driver)));
  if (ownWords) {
    throw new EngineError(
      'forbidden',
      'user specified configurations are not supported if the network depends on a configuration network',
    );
  }
  const { driver, options, requested = [] } = config.ipam;
  return {
    ...request,
    driver: request.driver || DEFAULT_DRIVER,
    enableIPv4: config.enableIPv4,
    enableIPv6: config.enableIPv6,
    options: config.options,
    labels: config.labels,
    ipam: { driver, options, pools: requested },
  };
}

function baseRecord(
  request: NetworkRequest & { readonly enableIPv4: boolean; readonly enableIPv6: boolean },
  { id, created, sequence }: NetworkContext,
): NetworkRecord {
  const requested = (request.ipam?.pools ?? []).map(poolAsWritten);
  return {
    id,
    name: request.name,
    created,
    driver: request.driver,
    scope: 'local',
    enableIPv4: request.enableIPv4,
    enableIPv6: request.enableIPv6,
    internal: request.internal,
    attachable: request.attachable,
    ingress: false,
    configOnly: request.configOnly,
    configFrom: request.configFrom,
    options: request.options,
    labels: request.labels,
    ipam: {
      driver: 'default',
      options: request.ipam?.options ?? null,
      pools: [],
      ...(requested.length > 0 ? { requested } : {}),
    },
    sequence,
  };
}
