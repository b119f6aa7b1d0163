/**
 * Random sequences of requests: what is asked for depends on chance and on what there is, and mostly
 * makes sense. So it is the same again as long as dockerd does the same.
 *
 * Asked of Passerelle alone, with later Docker's answer, as 20.10 does it (`Step.later`): subnets with host
 * bits set, ranges and auxiliary addresses outside of the subnet, static addresses outside of it, two
 * networks of one name.
 *
 * Never asked for, since it would part the two for good:
 * - What later Docker does and 20.10 cannot: IPv6 from pools, ports that are bound and not exposed, subnets
 *   of one or two addresses.
 * - What is ours: an address that a stopped container has asked for is given to nobody else; links go by name, also
 *   to a new container of that name, and not by way of a guest to who has its namespace.
 * - What 20.10 does wrong, and goes on with: a MAC address on a network that is given by its id is forgotten;
 *   a container of the host's namespace takes networks along that were missing when it was connected, or any once
 *   it has left the network `host`; a missing network for one in another's namespace is a panic; a running container that is refused a place (no
 *   address, no port, a configuration's network) keeps it; who leaves its last way out goes on showing its
 *   ports; ports of a range are counted for each address by itself; the filter `dangling` sees no containers.
 * - What 20.10 leaves to chance: a start on several user-defined networks with ports, or of which some are
 *   missing (it goes through a map).
 */
import type { Observation } from './observe.ts';
import { Random } from './random.ts';
import type { Step } from './step.ts';
import { PREDEFINED, World, type KnownContainer, type KnownNetwork } from './world.ts';

const NETWORKS = ['n0', 'n1', 'n2', 'n3', 'n4'];
// Not such that an id could begin with them.
const CONTAINERS = ['box0', 'box1', 'box2', 'box3', 'box4', 'box5'];
/** Addresses in a subnet that nobody gets who has not asked for them. */
const STATIC_HOSTS = [9, 10, 11, 12, 13, 14];
const SITES6 = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const BRIDGE = 'com.docker.network.bridge';

const ACTIONS = {
  createNetwork: 9,
  removeNetwork: 4,
  createContainer: 14,
  start: 18,
  stop: 5,
  kill: 3,
  restart: 4,
  connect: 12,
  disconnect: 8,
  removeContainer: 5,
  rename: 3,
  pruneNetworks: 1,
  pruneContainers: 1,
  listNetworks: 1,
  pause: 1,
  unpause: 1,
  wrong: 8,
} as const;

/** Some of them are wrong. */
const PRUNE_FILTERS = { label: ['tier', 'tier=front'], 'label!': ['tier=front'], until: ['1h', '1.5h', 'x'], x: ['y'] };
const LIST_FILTERS = {
  driver: ['bridge', 'x'],
  label: ['tier', 'tier=back'],
  name: ['n', 'n0'],
  id: ['x'],
  scope: ['local'],
  type: ['custom', 'builtin', 'x'],
  dangling: ['x'],
  x: ['y'],
};

type Change = 'start' | 'stop' | 'kill' | 'restart' | 'pause' | 'unpause';

export class Generator {
  readonly #random: Random;
  #world = new World({});

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** The next request, after the one before has led to what was observed. */
  next(observed: Observation): Step {
    this.#world = new World(observed);
    const action = this.#random.weighted(ACTIONS);
    switch (action) {
      case 'createNetwork':
        return this.#createNetwork();
      case 'removeNetwork':
        return this.#removeNetwork();
      case 'createContainer':
        return this.#createContainer();
      case 'start':
      case 'stop':
      case 'kill':
      case 'restart':
      case 'pause':
      case 'unpause':
        return this.#change(action);
      case 'connect':
        return this.#connect();
      case 'disconnect':
        return this.#disconnect();
      case 'removeContainer':
        return this.#removeContainer();
      case 'rename':
        return {
          method: 'POST',
          path: `/containers/${this.#container()}/rename?name=${this.#random.pick(this.#containerNames())}`,
        };
      case 'pruneNetworks':
        return { method: 'POST', path: `/networks/prune${this.#filters(PRUNE_FILTERS)}` };
      case 'pruneContainers':
        return { method: 'POST', path: '/containers/prune' };
      case 'listNetworks':
        return { method: 'GET', path: `/networks${this.#filters(LIST_FILTERS)}` };
      case 'wrong':
        return this.#wrong();
    }
  }

  /** A reference to one of these, or now and then to something else. */
  #ref(known: readonly (KnownNetwork | KnownContainer)[], others: readonly string[]): string {
    if (known.length === 0 || this.#random.chance(0.06)) return this.#random.pick(others);
    const { name, key } = this.#random.pick(known);
    return { name, id: `{${key}}`, short: `{${key}:12}` }[this.#random.weighted({ name: 8, id: 2, short: 1 })];
  }

  /** Up to two of them, as a query. */
  #filters(known: Readonly<Record<string, readonly string[]>>): string {
    const asked: Record<string, string[]> = {};
    for (let count = this.#random.below(3); count > 0; count--) {
      const key = this.#random.pick(Object.keys(known));
      (asked[key] ??= []).push(this.#random.pick(known[key]!));
    }
    return Object.keys(asked).length > 0 ? `?filters=${encodeURIComponent(JSON.stringify(asked))}` : '';
  }

  #network(): string {
    return this.#random.chance(0.12)
      ? this.#random.pick(['bridge', 'bridge', 'host', 'none'])
      : this.#ref(this.#world.networks, [...NETWORKS, 'bridge', 'missing']);
  }

  #container(among = this.#world.containers): string {
    return this.#ref(among, [...CONTAINERS.filter((name) => !this.#world.container(name)), 'missing']);
  }

  #createNetwork(): Step {
    const random = this.#random;
    const free = NETWORKS.filter((name) => !this.#world.network(name));
    if (free.length === 0) return this.#removeNetwork();
    const Name = random.pick(free);
    const configurations = this.#world.networks.filter(({ isConfiguration }) => isConfiguration);
    if (configurations.length > 0 && random.chance(0.3)) {
      const body = { Name, CheckDuplicate: true, ConfigFrom: { Network: random.pick(configurations).name } };
      return {
        method: 'POST',
        path: '/networks/create',
        body: { ...body, ...(random.chance(0.3) ? { Internal: true } : {}) },
      };
    }
    const options: Record<string, string> = {};
    const Config: Record<string, unknown>[] = [];
    const hasSubnet = random.chance(0.5);
    if (hasSubnet) {
      const third = random.below(9);
      Config.push(
        this.#pool(
          random.pick([`10.9.${third}.0/24`, `10.${third + 20}.0.0/16`, `10.9.${third}.16/28`, `10.8.${third}.4/30`]),
        ),
      );
    }
    const EnableIPv6 = random.chance(0.2);
    if (EnableIPv6) {
      const taken = new Set(this.#world.networks.map(({ subnet6 }) => subnet6));
      const all = SITES6.map((site) => `fd00:${site}::/64`);
      const subnet = random.pick(hasSubnet ? all : all.filter((its) => !taken.has(its)));
      Config.push({ Subnet: subnet, ...(random.chance(0.4) ? { Gateway: subnet.replace('/64', 'fe') } : {}) });
    }
    if (random.chance(0.15)) options[`${BRIDGE}.enable_icc`] = random.pick(['false', 'true']);
    if (random.chance(0.15)) options[`${BRIDGE}.enable_ip_masquerade`] = random.pick(['false', 'true']);
    if (random.chance(0.1)) options[`${BRIDGE}.host_binding_ipv4`] = random.pick(['127.0.0.1', '198.51.100.1']);
    if (hasSubnet && random.chance(0.25)) options[`${BRIDGE}.name`] = `br${random.below(3)}`;
    if (random.chance(0.07)) options[`${BRIDGE}.inhibit_ipv4`] = 'true';
    if (random.chance(0.1)) options['com.docker.network.driver.mtu'] = '1400';
    if (random.chance(0.1)) options['com.docker.network.container_iface_prefix'] = 'net';
    return {
      method: 'POST',
      path: '/networks/create',
      body: {
        Name,
        CheckDuplicate: true,
        ...(random.chance(0.7) ? { Driver: 'bridge' } : {}),
        ...(Config.length > 0 ? { IPAM: { Driver: 'default', Config } } : {}),
        ...(EnableIPv6 ? { EnableIPv6 } : {}),
        ...(random.chance(0.15) ? { Internal: true } : {}),
        ...(random.chance(0.2) ? { Attachable: true } : {}),
        ...(random.chance(0.07) ? { ConfigOnly: true } : {}),
        ...(Object.keys(options).length > 0 ? { Options: options } : {}),
        ...(random.chance(0.2) ? { Labels: { tier: random.pick(['front', 'back']) } } : {}),
      },
    };
  }

  #pool(subnet: string): Record<string, unknown> {
    const random = this.#random;
    const length = subnet.split('/')[1];
    if (length === '30') return { Subnet: subnet };
    return {
      Subnet: subnet,
      ...(random.chance(0.3) ? { Gateway: hostOf(subnet, random.pick([1, 5, 14])) } : {}),
      ...(random.chance(0.2) && length === '24' ? { IPRange: `${hostOf(subnet, 32)}/28` } : {}),
      ...(random.chance(0.2)
        ? {
            AuxiliaryAddresses: {
              [random.pick(['printer', 'DefaultGatewayIPv4'])]: hostOf(subnet, random.pick([2, 3])),
            },
          }
        : {}),
    };
  }

  #removeNetwork(): Step {
    const idle = this.#world.networks.filter(({ name }) => !this.#world.isUsed(name));
    const ref = this.#random.chance(0.7) ? this.#ref(idle, ['missing', 'bridge']) : this.#network();
    return { method: 'DELETE', path: `/networks/${ref}` };
  }

  /** Without those that links still name of containers that are gone. */
  #containerNames(): readonly string[] {
    const linked = new Set(this.#world.containers.flatMap(({ links }) => links));
    return CONTAINERS.filter((name) => !linked.has(name) || this.#world.container(name));
  }

  #createContainer(): Step {
    const random = this.#random;
    const free = this.#containerNames().filter((name) => !this.#world.container(name));
    if (free.length === 0) return this.#removeContainer();
    const name = random.pick(free);
    const mode = random.weighted({ network: 10, unsaid: 4, bridge: 2, none: 1, host: 1, container: 1 });
    // 20.10 looks up no short id here.
    const network = this.#network().replace(':12', '');
    const NetworkMode = {
      network,
      unsaid: undefined,
      bridge: 'bridge',
      none: 'none',
      host: 'host',
      container: `container:${this.#container()}`,
    }[mode];
    const places: Record<string, unknown> = {};
    if (mode === 'network' && this.#world.network(network) && random.chance(0.6)) {
      places[network] = this.#endpoint(network);
    }
    const isAnywhere = !this.#world.network(network)?.hasHostBinding;
    const PortBindings = random.chance(0.6) ? this.#ports(isAnywhere) : undefined;
    const exposed = [
      ...Object.keys(PortBindings ?? {}),
      ...(random.chance(0.25) ? [`${70 + random.below(3)}/${random.pick(['tcp', 'udp'])}`] : []),
    ];
    const linkable = this.#world.containers.filter(({ isInHost, isGuest }) => !isInHost && !isGuest);
    const hasLinks = ['unsaid', 'bridge', 'none'].includes(mode) && linkable.length > 0 && random.chance(0.2);
    const hasMac = random.chance(0.1) && !NetworkMode?.startsWith('{');
    return {
      method: 'POST',
      path: `/containers/create?name=${name}`,
      body: {
        Image: 'busybox:1.36',
        Cmd: ['sleep', '1000'],
        StopTimeout: 0,
        ...(random.chance(0.2) ? { Hostname: `host-${name}` } : {}),
        ...(hasMac ? { MacAddress: `02:00:00:00:00:0${random.below(10)}` } : {}),
        ...(random.chance(0.15) ? { Labels: { tier: random.pick(['front', 'back']) } } : {}),
        ...(exposed.length > 0 ? { ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])) } : {}),
        HostConfig: {
          ...(NetworkMode ? { NetworkMode } : {}),
          ...(PortBindings ? { PortBindings } : {}),
          ...(random.chance(0.12) ? { PublishAllPorts: true } : {}),
          ...(hasLinks ? { Links: [`${random.pick(linkable).name}:${random.pick(['db', 'web'])}`] } : {}),
          ...(random.chance(0.1) ? { ExtraHosts: ['other:192.0.2.1'] } : {}),
          ...(random.chance(0.1) ? { Dns: ['192.0.2.53'] } : {}),
          ...(random.chance(0.05) ? { AutoRemove: true } : {}),
        },
        ...(Object.keys(places).length > 0 ? { NetworkingConfig: { EndpointsConfig: places } } : {}),
      },
    };
  }

  /**
   * With the container port the host port rises, as dockerd's order of ports is one then: it sorts by
   * the one or the other, and ports for which these disagree come as they were read, which is by chance.
   */
  #ports(isAnywhere: boolean): Record<string, unknown> {
    const random = this.#random;
    const first = 8000 + 20 * random.below(3);
    const numbers = [80, 81, 82, 83, 84, 85].filter(() => random.chance(0.4));
    const free = random.below(3);
    const entries = numbers.map((port, index): [string, object[]] => {
      const key = `${port}/${random.pick(['tcp', 'tcp', 'udp'])}`;
      if (index < free) return [key, [{ HostPort: random.pick(['', '0']) }]];
      if (port === 85 && isAnywhere)
        return [key, [{ HostPort: `${8100 + random.below(3)}-810${3 + random.below(3)}` }]];
      const HostIp = random.pick(['127.0.0.1', '198.51.100.1', '0.0.0.0', '::1', '::', '']);
      const binding = { HostPort: String(first + port - 80) };
      const second = { HostIp: '127.0.0.1', HostPort: String(first + 10 + port - 80) };
      const bindings = random.chance(0.3) ? [{ HostIp, ...binding }] : [binding];
      return [key, index === numbers.length - 1 && random.chance(0.3) ? [...bindings, second] : bindings];
    });
    return Object.fromEntries(entries);
  }

  #endpoint(network: string): Record<string, unknown> {
    const random = this.#random;
    const { subnet, subnet6, gateways = [] } = this.#world.network(network) ?? {};
    const IPAMConfig: Record<string, unknown> = {};
    const taken = new Set([...gateways, ...this.#world.containers.flatMap(({ wishes }) => wishes)]);
    const free = (addresses: string[]): string => random.pick(addresses.filter((its) => !taken.has(its)));
    if (subnet && !subnet.endsWith('/30') && random.chance(0.4)) {
      IPAMConfig['IPv4Address'] = free(STATIC_HOSTS.map((host) => hostOf(subnet, host)));
    }
    if (subnet6 && random.chance(0.4)) {
      IPAMConfig['IPv6Address'] = free(STATIC_HOSTS.map((host) => subnet6.replace('/64', host.toString(16))));
    }
    if (random.chance(0.07)) IPAMConfig['LinkLocalIPs'] = [`169.254.7.${random.below(9)}`];
    return {
      ...(Object.keys(IPAMConfig).length > 0 ? { IPAMConfig } : {}),
      ...(random.chance(0.3) ? { Aliases: random.pick([['web'], ['db', 'cache'], ['web', 'web']]) } : {}),
      ...(random.chance(0.1) ? { DriverOpts: { colour: 'blue' } } : {}),
      ...(random.chance(0.07) ? { Links: [`${random.pick(CONTAINERS)}:other`] } : {}),
    };
  }

  #change(action: Change): Step {
    const starts = action === 'start' || action === 'restart';
    const able = this.#world.containers.filter((its) => !starts || its.startsInOrder);
    const wanted = able.filter(({ isRunning }) => isRunning !== (action === 'start'));
    const ref = this.#container(this.#random.chance(0.85) && wanted.length > 0 ? wanted : able);
    const signal = action === 'kill' && this.#random.chance(0.3) ? '?signal=SIGKILL' : '';
    return { method: 'POST', path: `/containers/${ref}/${action}${signal}` };
  }

  #connect(): Step {
    const random = this.#random;
    const network = this.#network();
    const known = this.#world.network(network);
    const isThere = known !== undefined || PREDEFINED.has(network);
    const Container = this.#container(
      this.#world.containers.filter((its) => {
        if (its.hasLeftHost || ((its.isGuest || its.isInHost) && !isThere)) return false;
        if (its.wantsRange && (its.networks.length > 0 || known?.hasHostBinding)) return false;
        return !its.isRunning || !(known?.isFull || known?.isConfiguration || its.wouldPublish);
      }),
    );
    return {
      method: 'POST',
      path: `/networks/${network}/connect`,
      body: { Container, ...(random.chance(0.5) ? { EndpointConfig: this.#endpoint(network) } : {}) },
    };
  }

  #disconnect(): Step {
    const Container = this.#container();
    const known = this.#world.container(Container);
    const leaves = (known?.networks ?? []).filter((name) => !known!.isRunning || !this.#isLastWayOut(known!, name));
    const some = this.#network();
    const others = known?.networks.includes(this.#world.network(some)?.name ?? some) ? 'missing' : some;
    const network = leaves.length > 0 && this.#random.chance(0.8) ? this.#random.pick(leaves) : others;
    return {
      method: 'POST',
      path: `/networks/${network}/disconnect`,
      body: { Container, ...(this.#random.chance(0.2) ? { Force: true } : {}) },
    };
  }

  /** Whether only internal networks are left without it. */
  #isLastWayOut({ networks }: KnownContainer, network: string): boolean {
    const left = networks.filter((name) => name !== network);
    return left.length > 0 && left.every((name) => this.#world.network(name)?.isInternal);
  }

  #removeContainer(): Step {
    const force = this.#random.chance(0.6);
    return { method: 'DELETE', path: `/containers/${this.#container()}${force ? '?force=1' : ''}` };
  }

  #wrong(): Step {
    const random = this.#random;
    const network = (body: object): Step => ({
      method: 'POST',
      path: '/networks/create',
      body: { Name: 'wrong', CheckDuplicate: true, ...body },
    });
    const pool = (Options: Record<string, string>, ...Config: object[]): Step =>
      network({ IPAM: { Driver: 'default', Config }, Options });
    const container = (body: object, name = 'wrong'): Step => ({
      method: 'POST',
      path: `/containers/create?name=${name}`,
      body: { Image: 'busybox:1.36', Cmd: ['sleep', '1000'], ...body },
    });
    const later = (step: Step, status: number, message: string): Step => ({ ...step, later: { status, message } });
    const config = (problem: string, ...Config: object[]): Step =>
      later(pool({}, ...Config), 400, `invalid network config:\n${problem}`);
    const { name: ours, subnet } = random.pick(this.#world.networks) ?? { name: 'bridge' };
    return random.pick<() => Step>([
      () => config('invalid subnet 10.50.0.1/24: it should be 10.50.0.0/24', { Subnet: '10.50.0.1/24' }),
      () =>
        config("invalid ip-range 10.51.0.0/28: parent subnet 10.50.0.0/24 doesn't contain ip-range", {
          Subnet: '10.50.0.0/24',
          IPRange: '10.51.0.0/28',
        }),
      () =>
        config("invalid auxiliary address printer: parent subnet 10.50.0.0/24 doesn't contain this address", {
          Subnet: '10.50.0.0/24',
          AuxiliaryAddresses: { printer: '10.51.0.2' },
        }),
      ...(ours === 'bridge'
        ? []
        : [
            () =>
              later(network({ Name: ours, CheckDuplicate: false }), 409, `network with name ${ours} already exists`),
          ]),
      ...(subnet
        ? [
            () =>
              later(
                container({
                  HostConfig: { NetworkMode: ours },
                  NetworkingConfig: { EndpointsConfig: { [ours]: { IPAMConfig: { IPv4Address: '10.50.0.9' } } } },
                }),
                400,
                'invalid endpoint settings:\nno configured subnet contains IP address 10.50.0.9',
              ),
          ]
        : []),
      () => network({ Name: random.pick(['bridge', 'host', 'none']) }),
      () => network({ Name: random.pick([...this.#world.networks.map(({ name }) => name), 'bridge']) }),
      () => network({ Driver: random.pick(['nonsense', 'host', 'null']) }),
      () => pool({ [`${BRIDGE}.enable_icc`]: 'maybe' }, { Subnet: '10.50.0.0/24' }),
      () => pool({ 'com.docker.network.driver.mtu': 'big' }, { Subnet: '10.50.0.0/24' }),
      () => network({ Scope: 'swarm' }),
      () => pool({}, { Subnet: 'nonsense' }),
      () => pool({}, { Subnet: '10.50.0.0/24', Gateway: '10.51.0.1' }),
      () => pool({}, { Subnet: '10.50.0.0/24' }, { Subnet: '10.51.0.0/24' }),
      () => pool({}, { Subnet: '172.17.0.0/16' }),
      () => pool({}, { Gateway: '10.50.0.1' }),
      () => container({ Image: 'missing:1' }),
      () => container({}, '-bad-'),
      () => container({}, random.pick([...this.#world.containers.map(({ name }) => name), 'wrong/name'])),
      () => container({ HostConfig: { NetworkMode: 'container:missing' } }),
      () => container({ HostConfig: { PortBindings: { nonsense: [{ HostPort: '1' }] } } }),
      () => container({ HostConfig: { PortBindings: { '80/tcp': [{ HostPort: 'many' }] } } }),
      () => container({ HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '70000' }] } } }),
      () => container({ HostConfig: { RestartPolicy: { Name: 'sometimes' } } }),
      () =>
        container({ HostConfig: { NetworkMode: 'container:box0', PortBindings: { '80/tcp': [{ HostPort: '1' }] } } }),
      () => ({ method: 'GET', path: '/networks/missing' }),
      () => ({ method: 'GET', path: '/containers/missing/json' }),
      () => ({ method: 'GET', path: `/networks?filters=${encodeURIComponent('{"nonsense":["1"]}')}` }),
      () => ({ method: 'POST', path: `/containers/${this.#container()}/rename?name=` }),
      () => ({ method: 'POST', path: `/containers/${this.#container()}/rename?name=-bad-` }),
      () => ({ method: 'POST', path: `/containers/${this.#container()}/kill?signal=NONSENSE` }),
      () => ({ method: 'POST', path: `/networks/${this.#network()}/connect`, body: {} }),
    ])();
  }
}

/** The address of a subnet's host: `10.9.1.16/28`, 2 -> `10.9.1.18`. */
function hostOf(subnet: string, host: number): string {
  const [address = ''] = subnet.split('/');
  const at = address.lastIndexOf('.') + 1;
  return `${address.slice(0, at)}${Number(address.slice(at)) + host}`;
}
