/**
 * Random sequences of requests. The generator believes that what it asks for happens, and mostly asks
 * for what makes sense then; whether it happens is the engines' business.
 *
 * Never asked for, since it would part the two for good where we follow later Docker on purpose:
 * subnets with host bits set (20.10 takes them, later ones and we refuse them), two networks of one
 * name (20.10 allows them without CheckDuplicate), IPv6 without a subnet (20.10 has no pool for it),
 * ports that are bound and not exposed (20.10 leaves them out, which no client knows of), refused
 * networks without a subnet (20.10 spends a pool on them).
 */
import { Random } from './random.ts';
import type { Step } from './step.ts';

interface KnownNetwork {
  readonly subnet: string | undefined;
  readonly subnet6: string | undefined;
}

interface KnownContainer {
  isRunning: boolean;
  readonly networks: Set<string>;
}

const NETWORKS = ['n0', 'n1', 'n2', 'n3', 'n4'];
const CONTAINERS = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5'];
const PREDEFINED = new Set(['bridge', 'host', 'none']);
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
  pause: 1,
  unpause: 1,
  wrong: 8,
} as const;

export function generate(seed: number, length: number): readonly Step[] {
  const generator = new Generator(new Random(seed));
  return Array.from({ length }, () => generator.step());
}

/** The name in a reference. */
const plain = (ref: string): string => ref.replace(/[{}]|:12/g, '');

class Generator {
  readonly #random: Random;
  readonly #networks = new Map<string, KnownNetwork>();
  readonly #containers = new Map<string, KnownContainer>();

  constructor(random: Random) {
    this.#random = random;
  }

  step(): Step {
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
        return this.#rename();
      case 'pruneNetworks':
        for (const name of this.#networks.keys()) if (!this.#isUsed(name)) this.#networks.delete(name);
        return { method: 'POST', path: '/networks/prune' };
      case 'pruneContainers':
        for (const [name, { isRunning }] of this.#containers) if (!isRunning) this.#containers.delete(name);
        return { method: 'POST', path: '/containers/prune' };
      case 'wrong':
        return this.#wrong();
    }
  }

  #isUsed(network: string, byStopped = false): boolean {
    const isIn = ({ isRunning, networks }: KnownContainer): boolean =>
      (isRunning || byStopped) && networks.has(network);
    return [...this.#containers.values()].some(isIn);
  }

  /** A reference to something known, or now and then to something else. */
  #ref(known: Iterable<string>, others: readonly string[]): string {
    const names = [...known];
    if (names.length === 0 || this.#random.chance(0.06)) return this.#random.pick(others);
    const name = this.#random.pick(names);
    return this.#random.weighted({ name: 6, id: 2, short: 1 }) === 'name'
      ? name
      : this.#random.pick([`{${name}}`, `{${name}:12}`]);
  }

  #network(): string {
    return this.#random.chance(0.12)
      ? this.#random.pick(['bridge', 'bridge', 'host', 'none'])
      : this.#ref(this.#networks.keys(), [...NETWORKS, 'bridge', 'missing']);
  }

  #container(): string {
    return this.#ref(this.#containers.keys(), [...CONTAINERS, 'missing']);
  }

  #createNetwork(): Step {
    const random = this.#random;
    const free = NETWORKS.filter((name) => !this.#networks.has(name));
    if (free.length === 0) return this.#removeNetwork();
    const Name = random.pick(free);
    const options: Record<string, string> = {};
    const Config: Record<string, unknown>[] = [];
    let subnet: string | undefined;
    let subnet6: string | undefined;
    if (random.chance(0.5)) {
      const third = random.below(9);
      subnet = random.pick([
        `10.9.${third}.0/24`,
        `10.${third + 20}.0.0/16`,
        `10.9.${third}.16/28`,
        `10.8.${third}.4/30`,
      ]);
      Config.push(this.#pool(subnet));
    }
    const EnableIPv6 = random.chance(0.2);
    if (EnableIPv6) {
      subnet6 = `fd00:${random.below(9)}::/64`;
      Config.push({ Subnet: subnet6, ...(random.chance(0.4) ? { Gateway: subnet6.replace('/64', 'fe') } : {}) });
    }
    if (random.chance(0.15)) options[`${BRIDGE}.enable_icc`] = random.pick(['false', 'true']);
    if (random.chance(0.15)) options[`${BRIDGE}.enable_ip_masquerade`] = random.pick(['false', 'true']);
    if (random.chance(0.1)) options[`${BRIDGE}.host_binding_ipv4`] = random.pick(['127.0.0.1', '198.51.100.1']);
    if (subnet && random.chance(0.25)) options[`${BRIDGE}.name`] = `br${random.below(3)}`;
    if (random.chance(0.1)) options['com.docker.network.driver.mtu'] = '1400';
    if (random.chance(0.1)) options['com.docker.network.container_iface_prefix'] = 'net';
    this.#networks.set(Name, { subnet, subnet6 });
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
        ...(Object.keys(options).length > 0 ? { Options: options } : {}),
        ...(random.chance(0.2) ? { Labels: { tier: random.pick(['front', 'back']) } } : {}),
      },
    };
  }

  #pool(subnet: string): Record<string, unknown> {
    const random = this.#random;
    const [address = '', length] = subnet.split('/');
    const at = (host: number): string =>
      `${address.slice(0, address.lastIndexOf('.'))}.${Number(address.split('.')[3]) + host}`;
    if (length === '30') return { Subnet: subnet };
    return {
      Subnet: subnet,
      ...(random.chance(0.3) ? { Gateway: at(random.pick([1, 5, 14])) } : {}),
      ...(random.chance(0.2) && length === '24' ? { IPRange: `${at(32)}/28` } : {}),
      ...(random.chance(0.15) ? { AuxiliaryAddresses: { printer: at(random.pick([2, 3])) } } : {}),
    };
  }

  #removeNetwork(): Step {
    const idle = [...this.#networks.keys()].filter((its) => !this.#isUsed(its, true));
    const name = this.#random.chance(0.7) ? this.#ref(idle, ['missing', 'bridge']) : this.#network();
    if (!this.#isUsed(plain(name))) this.#networks.delete(plain(name));
    return { method: 'DELETE', path: `/networks/${name}` };
  }

  #createContainer(): Step {
    const random = this.#random;
    const free = CONTAINERS.filter((name) => !this.#containers.has(name));
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
    // 20.10 finds wrong places at start, later Docker and we at once: these are right as far as is known.
    if (mode === 'network' && this.#networks.has(plain(network)) && random.chance(0.6)) {
      places[network] = this.#endpoint(network);
    }
    const PortBindings = random.chance(0.6) ? this.#ports() : undefined;
    const exposed = [
      ...Object.keys(PortBindings ?? {}),
      ...(random.chance(0.25) ? [`${70 + random.below(3)}/${random.pick(['tcp', 'udp'])}`] : []),
    ];
    this.#containers.set(name, { isRunning: false, networks: new Set([plain(NetworkMode ?? 'bridge')]) });
    return {
      method: 'POST',
      path: `/containers/create?name=${name}`,
      body: {
        Image: 'busybox:1.36',
        Cmd: ['sleep', '1000'],
        StopTimeout: 0,
        ...(random.chance(0.2) ? { Hostname: `host-${name}` } : {}),
        ...(random.chance(0.1) ? { MacAddress: `02:00:00:00:00:0${random.below(10)}` } : {}),
        ...(random.chance(0.15) ? { Labels: { tier: random.pick(['front', 'back']) } } : {}),
        ...(exposed.length > 0 ? { ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])) } : {}),
        HostConfig: {
          ...(NetworkMode ? { NetworkMode } : {}),
          ...(PortBindings ? { PortBindings } : {}),
          ...(random.chance(0.12) ? { PublishAllPorts: true } : {}),
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
  #ports(): Record<string, unknown> {
    const random = this.#random;
    const first = 8000 + 20 * random.below(3);
    const numbers = [80, 81, 82, 83, 84, 85].filter(() => random.chance(0.4));
    const anywhere = random.below(3);
    const hostPort = (port: number, index: number): string => {
      if (index < anywhere) return random.pick(['', '0']);
      return port === 85 ? `${8100 + random.below(3)}-810${3 + random.below(3)}` : String(first + port - 80);
    };
    const entries = numbers.map((port, index): [string, object[]] => {
      const binding = { HostPort: hostPort(port, index) };
      const HostIp = random.pick(['127.0.0.1', '198.51.100.1', '0.0.0.0', '']);
      const second = { HostIp: '127.0.0.1', HostPort: `${first + 10 + port - 80}` };
      const bindings = random.chance(0.3) ? [{ HostIp, ...binding }] : [binding];
      const isLast = index === numbers.length - 1 && port !== 85;
      return [
        `${port}/${random.pick(['tcp', 'tcp', 'udp'])}`,
        isLast && random.chance(0.3) ? [...bindings, second] : bindings,
      ];
    });
    return Object.fromEntries(entries);
  }

  #endpoint(network: string): Record<string, unknown> {
    const random = this.#random;
    const { subnet, subnet6 } = this.#networks.get(plain(network)) ?? {};
    const IPAMConfig: Record<string, unknown> = {};
    if (subnet && random.chance(0.4)) {
      const [address = ''] = subnet.split('/');
      IPAMConfig['IPv4Address'] =
        `${address.slice(0, address.lastIndexOf('.'))}.${Number(address.split('.')[3]) + 2 + random.below(9)}`;
    }
    if (subnet6 && random.chance(0.4)) IPAMConfig['IPv6Address'] = subnet6.replace('/64', String(2 + random.below(9)));
    return {
      ...(Object.keys(IPAMConfig).length > 0 ? { IPAMConfig } : {}),
      ...(random.chance(0.3) ? { Aliases: random.pick([['web'], ['db', 'cache'], ['web', 'web']]) } : {}),
      ...(random.chance(0.1) ? { DriverOpts: { colour: 'blue' } } : {}),
      ...(random.chance(0.07) ? { Links: [`${random.pick(CONTAINERS)}:other`] } : {}),
    };
  }

  #change(action: 'start' | 'stop' | 'kill' | 'restart' | 'pause' | 'unpause'): Step {
    // 20.10 joins several networks of the user's in an order of chance.
    const isOrdered = ({ networks }: KnownContainer): boolean =>
      [...networks].filter((name) => !PREDEFINED.has(name)).length < 2;
    const starts = action === 'start' || action === 'restart';
    const able = [...this.#containers].filter(([, known]) => !starts || isOrdered(known));
    const wanted = able.filter(([, { isRunning }]) => isRunning !== (action === 'start'));
    const name = this.#random.chance(0.85)
      ? this.#ref(
          wanted.map(([name]) => name),
          [...able.map(([its]) => its), 'missing'],
        )
      : this.#ref(
          able.map(([its]) => its),
          ['missing'],
        );
    const known = this.#containers.get(plain(name));
    if (known && !action.endsWith('pause')) known.isRunning = action === 'start' || action === 'restart';
    const signal = action === 'kill' && this.#random.chance(0.3) ? '?signal=SIGKILL' : '';
    return { method: 'POST', path: `/containers/${name}/${action}${signal}` };
  }

  #connect(): Step {
    const network = this.#network();
    const Container = this.#container();
    this.#containers.get(plain(Container))?.networks.add(plain(network));
    return {
      method: 'POST',
      path: `/networks/${network}/connect`,
      body: { Container, ...(this.#random.chance(0.5) ? { EndpointConfig: this.#endpoint(network) } : {}) },
    };
  }

  #disconnect(): Step {
    const Container = this.#container();
    const places = this.#containers.get(plain(Container))?.networks;
    const network =
      places && places.size > 0 && this.#random.chance(0.8) ? this.#random.pick([...places]) : this.#network();
    places?.delete(plain(network));
    return {
      method: 'POST',
      path: `/networks/${network.startsWith('container:') ? 'bridge' : network}/disconnect`,
      body: { Container, ...(this.#random.chance(0.2) ? { Force: true } : {}) },
    };
  }

  #removeContainer(): Step {
    const name = this.#container();
    const force = this.#random.chance(0.6);
    if (force || !this.#containers.get(plain(name))?.isRunning) this.#containers.delete(plain(name));
    return { method: 'DELETE', path: `/containers/${name}${force ? '?force=1' : ''}` };
  }

  #rename(): Step {
    const name = this.#container();
    const next = this.#random.pick(CONTAINERS);
    const known = this.#containers.get(plain(name));
    if (known && !this.#containers.has(next)) {
      this.#containers.delete(plain(name));
      this.#containers.set(next, known);
    }
    return { method: 'POST', path: `/containers/${name}/rename?name=${next}` };
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
    return random.pick<() => Step>([
      () => network({ Name: random.pick(['bridge', 'host', 'none']) }),
      () => network({ Name: random.pick([...this.#networks.keys(), 'bridge']) }),
      () => network({ Driver: random.pick(['nonsense', 'host', 'null']) }),
      () => pool({ [`${BRIDGE}.enable_icc`]: 'maybe' }, { Subnet: '10.50.0.0/24' }),
      () => pool({ 'com.docker.network.driver.mtu': 'big' }, { Subnet: '10.50.0.0/24' }),
      () => network({ Scope: 'swarm' }),
      () => pool({}, { Subnet: 'nonsense' }),
      () => pool({}, { Subnet: '10.50.0.0/24', Gateway: '10.51.0.1' }),
      () => pool({}, { Subnet: '10.50.0.0/24', IPRange: '10.51.0.0/28' }),
      () => pool({}, { Subnet: '10.50.0.0/24', AuxiliaryAddresses: { a: '10.51.0.9' } }),
      () => pool({}, { Subnet: '172.17.0.0/16' }),
      () => pool({}, { Subnet: '10.50.0.0/24' }, { Subnet: '10.51.0.0/24' }),
      () => pool({}, { Gateway: '10.50.0.1' }),
      () => container({ Image: 'missing:1' }),
      () => container({}, '-bad-'),
      () => container({}, random.pick([...this.#containers.keys(), 'wrong/name'])),
      () => container({ HostConfig: { NetworkMode: 'container:missing' } }),
      () => container({ HostConfig: { PortBindings: { nonsense: [{ HostPort: '1' }] } } }),
      () => container({ HostConfig: { PortBindings: { '80/tcp': [{ HostPort: 'many' }] } } }),
      () => container({ HostConfig: { PortBindings: { '80/tcp': [{ HostIp: 'here', HostPort: '1' }] } } }),
      () => container({ HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '70000' }] } } }),
      () => container({ HostConfig: { RestartPolicy: { Name: 'sometimes' } } }),
      () => container({ HostConfig: { NetworkMode: 'container:c0', PortBindings: { '80/tcp': [{ HostPort: '1' }] } } }),
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
