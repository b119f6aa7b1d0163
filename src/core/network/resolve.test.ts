import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { overlaps, parsePrefix } from '../address/prefix.ts';
import type { NetworkRequest, PoolRequest } from '../engine/engine.ts';
import { FIRST_POOLS, type PoolCursor } from '../ipam/choose.ts';
import { DEFAULT_SOURCES } from '../ipam/sources.ts';
import { defaultBridgeRequest, PLAIN_DEFAULT_BRIDGE } from './default-bridge.ts';
import { EngineError, type ErrorCode } from './error.ts';
import { LINK_NAME_RULE } from './name.ts';
import type { NetworkRecord } from './network.ts';
import { shownPools } from './pools.ts';
import { predefinedRequests, resolveNetwork, type NetworkContext } from './resolve.ts';

const ID = '0123456789abcdef'.repeat(4);

const request = (more: Partial<NetworkRequest> = {}): NetworkRequest => ({
  name: 'net',
  driver: 'bridge',
  checkDuplicate: true,
  internal: false,
  attachable: false,
  ingress: false,
  scope: '',
  configOnly: false,
  configFrom: '',
  options: {},
  labels: {},
  ...more,
});

const context = (more: Partial<NetworkContext> = {}): NetworkContext => ({
  id: ID,
  created: '2026-01-01T00:00:00.000000001Z',
  sequence: 7,
  random: '83ff201b',
  networks: [],
  named: (wanted) => (more.networks ?? []).filter(({ name }) => name === wanted),
  onBridge: (wanted) => (more.networks ?? []).filter(({ bridge }) => bridge?.name === wanted),
  sources: DEFAULT_SOURCES,
  cursor: FIRST_POOLS,
  moveCursor: () => undefined,
  avoid: [],
  hostLinks: ['lo', 'eth0'],
  addressesOfBridge: () => undefined,
  ...more,
});

const resolve = (more: Partial<NetworkRequest> = {}, within: Partial<NetworkContext> = {}) =>
  resolveNetwork(request(more), context(within));

const withPools = (...pools: PoolRequest[]): Partial<NetworkRequest> => ({
  ipam: { driver: 'default', options: null, pools },
});

const withSubnet = (subnet: string, more: PoolRequest = {}) => withPools({ subnet, ...more });

const refusal = (act: () => unknown): [ErrorCode, string] => {
  try {
    act();
  } catch (error) {
    if (error instanceof EngineError) return [error.code, error.message];
    throw error;
  }
  throw new Error('nothing was refused');
};

/** The predefined networks and what the requests make on top of them, with one cursor, as an engine would. */
function engine(): { networks: NetworkRecord[]; create: (more?: Partial<NetworkRequest>) => NetworkRecord } {
  const networks: NetworkRecord[] = [];
  let cursor = FIRST_POOLS;
  let count = 0;
  const add = (asked: NetworkRequest, predefined: boolean) => {
    const id = String(++count).padStart(12, '0').padEnd(64, '0');
    const moveCursor = (moved: PoolCursor): void => void (cursor = moved);
    const network = resolveNetwork(asked, context({ id, networks, cursor, moveCursor, predefined }));
    networks.push(network);
    return network;
  };
  for (const predefined of predefinedRequests(
    defaultBridgeRequest(PLAIN_DEFAULT_BRIDGE, { sources: [], managed: undefined }),
  ))
    add(predefined, true);
  return { networks, create: (more = {}) => add(request({ name: `n${count}`, ...more }), false) };
}

describe('a network whose containers are on a link of the host', () => {
  test.each<[string, Partial<NetworkRequest>, object]>([
    ['in bridge mode', { options: { parent: 'eth0' } }, { parent: 'eth0', mode: 'bridge' }],
    [
      'in another mode, with an MTU',
      { options: { parent: 'eth0', macvlan_mode: 'vepa', 'com.docker.network.driver.mtu': '1400' } },
      { parent: 'eth0', mode: 'vepa', mtu: 1400 },
    ],
    [
      'on a VLAN',
      { options: { parent: 'eth0.10' } },
      { parent: 'eth0.10', mode: 'bridge', made: { kind: 'vlan', parent: 'eth0', vlan: 10 } },
    ],
    ['on none', {}, { parent: 'dm-0123456789ab', mode: 'bridge', made: { kind: 'dummy' } }],
    ['of ipvlan', { driver: 'ipvlan', options: { parent: 'eth0' } }, { parent: 'eth0', mode: 'l2' }],
    [
      'of ipvlan, layer 3',
      { driver: 'ipvlan', options: { parent: 'eth0', ipvlan_mode: 'l3s', ipvlan_flag: 'private' } },
      { parent: 'eth0', mode: 'l3s', flag: 'private' },
    ],
  ])('%s', (_, more, parent) => {
    const network = resolve({ driver: 'macvlan', ...more });
    expect(network).toMatchObject({ parent, internal: Object.keys(more).length === 0 });
    expect(network.bridge).toBeUndefined();
    expect(network.ipam.pools).toHaveLength(1);
  });

  test('may have several subnets of one version', () => {
    const pools = [{ subnet: '10.1.0.0/24' }, { subnet: '10.2.0.0/24', gateway: '10.2.0.9' }];
    const { ipam } = resolve({ driver: 'macvlan', ipam: { driver: '', options: null, pools } });
    expect(ipam.pools).toEqual([
      { subnet: '10.1.0.0/24', gateway: '10.1.0.1' },
      { subnet: '10.2.0.0/24', gateway: '10.2.0.9' },
    ]);
  });

  test.each<[Partial<NetworkRequest>, string]>([
    [{ options: { parent: 'lo' } }, 'loopback interface is not a valid macvlan parent link'],
    [
      { options: { parent: 'eth0', macvlan_mode: 'x' } },
      "requested macvlan mode 'x' is not valid, 'bridge' mode is the macvlan driver default",
    ],
    [
      { driver: 'ipvlan', options: { parent: 'eth0', ipvlan_mode: 'zz' } },
      "requested ipvlan mode 'zz' is not valid, 'l2' mode is the ipvlan driver default",
    ],
    [{ options: { parent: 'eth9' } }, 'invalid subinterface vlan name eth9, example formatting is eth0.10'],
    [{ options: { parent: 'eth9.10' } }, '-o parent interface was not found on the host: eth9'],
    [{ options: { parent: 'eth0.5000' } }, 'vlan id must be between 1-4094, received: 5000'],
    [{ options: { parent: 'eth0.x' } }, 'unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)'],
  ])('%j is refused', (more, text) => {
    expect(refusal(() => resolve({ driver: 'macvlan', ...more }))).toEqual(['internal', text]);
  });

  test('shares its parent with no other', () => {
    const { create } = engine();
    const { id } = create({ driver: 'macvlan', options: { parent: 'eth0' } });
    expect(refusal(() => create({ driver: 'macvlan', options: { parent: 'eth0' } }))).toEqual([
      'forbidden',
      `network dm-${id.slice(0, 12)} is already using parent interface eth0`,
    ]);
  });
});

describe('a record', () => {
  test('of a network of which only the name was said', () => {
    expect(resolve({ driver: '' })).toEqual({
      id: ID,
      name: 'net',
      created: '2026-01-01T00:00:00.000000001Z',
      driver: 'bridge',
      scope: 'local',
      enableIPv4: true,
      enableIPv6: false,
      internal: false,
      attachable: false,
      ingress: false,
      configOnly: false,
      configFrom: '',
      options: {},
      labels: {},
      ipam: { driver: 'default', options: null, pools: [{ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }] },
      bridge: {
        name: 'br-0123456789ab',
        mac: '02:42:83:ff:20:1b',
        mtu: 1500,
        icc: true,
        masquerade: true,
        hostBinding: '',
        gatewayMode4: 'nat',
        gatewayMode6: 'nat',
        inhibitIpv4: false,
        hostIpv4: '',
        hostIpv6: '',
        trustedInterfaces: [],
        interfacePrefix: 'eth',
        foreign: false,
      },
      sequence: 7,
    });
  });

  test('keeps what clients compare as they wrote it', () => {
    const options = { 'com.docker.network.bridge.enable_icc': 'F', 'com.example.unknown': 'kept' };
    const network = resolve({ options, labels: { a: 'b' }, ipam: { driver: 'default', options: {}, pools: [] } });
    expect(network.options).toEqual(options);
    expect(network.labels).toEqual({ a: 'b' });
    expect(network.ipam.options).toEqual({});
    expect(network.bridge?.icc).toBe(false);
  });

  test('has the daemon’s default options where the request has none', () => {
    const defaultOptions = { bridge: { 'com.docker.network.driver.mtu': '1400', a: 'b' }, other: { c: 'd' } };
    const network = resolve({ options: { a: 'own' } }, { defaultOptions });
    expect(network.options).toEqual({ 'com.docker.network.driver.mtu': '1400', a: 'own' });
    expect(network.bridge?.mtu).toBe(1400);
  });

  test.each([
    ['name', 'mybr0', { name: 'mybr0' }],
    ['name', '', { name: 'br-0123456789ab' }],
    ['enable_ip_masquerade', 'false', { masquerade: false }],
    ['enable_icc', '0', { icc: false }],
    ['enable_icc', 'TRUE', { icc: true }],
    ['host_binding_ipv4', '127.0.0.1', { hostBinding: '127.0.0.1' }],
    ['host_binding_ipv4', '0.0.0.0', { hostBinding: '' }],
    ['gateway_mode_ipv4', 'routed', { gatewayMode4: 'routed' }],
    ['gateway_mode_ipv6', 'nat-unprotected', { gatewayMode6: 'nat-unprotected' }],
    ['inhibit_ipv4', 't', { inhibitIpv4: true }],
    ['trusted_host_interfaces', 'eth0:wg0', { trustedInterfaces: ['eth0', 'wg0'] }],
  ])('com.docker.network.bridge.%s=%s', (option, value, settings) => {
    expect(resolve({ options: { [`com.docker.network.bridge.${option}`]: value } }).bridge).toMatchObject(settings);
  });

  test.each([
    ['driver.mtu', '9000', { mtu: 9000 }],
    ['driver.mtu', '0', { mtu: 1500 }],
    ['container_iface_prefix', 'net', { interfacePrefix: 'net' }],
    ['host_ipv4', '192.0.2.1', { hostIpv4: '192.0.2.1' }],
    ['host_ipv6', '2001:DB8::1', { hostIpv6: '2001:db8::1' }],
  ])('com.docker.network.%s=%s', (option, value, settings) => {
    expect(resolve({ options: { [`com.docker.network.${option}`]: value } }).bridge).toMatchObject(settings);
  });

  test('of a bridge that the host had before', () => {
    const options = { 'com.docker.network.bridge.name': 'mine' };
    expect(resolve({ options }, { addressesOfBridge: () => [] }).bridge).toMatchObject({ foreign: true });
    const had = ['10.0.0.1/24', 'fe80::1/64'];
    expect(resolve({ options }, { addressesOfBridge: () => had }).bridge).toMatchObject({ foreign: true, had });
  });

  test('of the predefined networks', () => {
    const [none, host, bridge] = engine().networks;
    expect(none).toMatchObject({ name: 'none', driver: 'null', ipam: { options: null, pools: [] } });
    expect(host).toMatchObject({ name: 'host', driver: 'host', ipam: { options: null, pools: [] } });
    expect(none?.bridge ?? host?.bridge).toBeUndefined();
    expect(bridge).toMatchObject({ bridge: { name: 'docker0' }, ipam: { pools: [{ subnet: '172.17.0.0/16' }] } });
    expect(bridge?.options).toEqual({
      'com.docker.network.bridge.default_bridge': 'true',
      'com.docker.network.bridge.enable_icc': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
      'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
      'com.docker.network.bridge.name': 'docker0',
      'com.docker.network.driver.mtu': '1500',
    });
  });
});

describe('pools', () => {
  test('the first network of a fresh host gets 172.18, the next 172.19, and so on though one went', () => {
    const { networks, create } = engine();
    expect(create().ipam.pools).toEqual([{ subnet: '172.18.0.0/16', gateway: '172.18.0.1' }]);
    expect(create().ipam.pools[0]?.subnet).toBe('172.19.0.0/16');
    networks.pop();
    expect(create().ipam.pools[0]?.subnet).toBe('172.20.0.0/16');
  });

  test('keep clear of the host’s routes and name servers, but not of its default route', () => {
    const avoid = ['0.0.0.0/0', '172.17.0.0/16', '172.18.1.1', '::1', 'nonsense'];
    expect(resolve({}, { avoid }).ipam.pools[0]?.subnet).toBe('172.19.0.0/16');
  });

  test('that were asked for may lie where the host has a route', () => {
    expect(resolve(withSubnet('10.1.0.0/16'), { avoid: ['10.0.0.0/8'] }).ipam.pools).toEqual([
      { subnet: '10.1.0.0/16', gateway: '10.1.0.1' },
    ]);
  });

  test.each([
    ['a gateway', { gateway: '10.1.9.9' }, { gateway: '10.1.9.9' }],
    [
      'a range, from which the gateway is taken',
      { ipRange: '10.1.9.0/24' },
      { ipRange: '10.1.9.0/24', gateway: '10.1.9.0' },
    ],
    ['a range at the start', { ipRange: '10.1.0.0/24' }, { ipRange: '10.1.0.0/24', gateway: '10.1.0.1' }],
    ['auxiliary addresses', { auxiliary: { a: '10.1.0.5' } }, { gateway: '10.1.0.1', auxiliary: { a: '10.1.0.5' } }],
    ['nothing but empty words', { ipRange: '', gateway: '', auxiliary: {} }, { gateway: '10.1.0.1' }],
  ])('with %s', (_, asked, given) => {
    expect(resolve(withSubnet('10.1.0.0/16', asked)).ipam.pools).toEqual([{ subnet: '10.1.0.0/16', ...given }]);
  });

  test.each([
    ['10.0.0.0/31', '10.0.0.0'],
    ['10.0.0.7/32', '10.0.0.7'],
  ])('of one or two addresses: %s has the gateway %s', (subnet, gateway) => {
    expect(resolve(withSubnet(subnet)).ipam.pools).toEqual([{ subnet, gateway }]);
  });

  test('of which only the size was said come from the sources', () => {
    const { create } = engine();
    expect(create(withSubnet('0.0.0.0/24')).ipam.pools).toEqual([{ subnet: '172.18.0.0/24', gateway: '172.18.0.1' }]);
    expect(create().ipam.pools[0]?.subnet).toBe('172.19.0.0/16');
  });

  test('of both versions, in canonical text, IPv4 first', () => {
    const sources = [...DEFAULT_SOURCES, { base: 'fd12:3456:789a::/48', size: 64 }];
    expect(resolve({ enableIPv6: true }, { sources }).ipam.pools).toEqual([
      { subnet: '172.17.0.0/16', gateway: '172.17.0.1' },
      { subnet: 'fd12:3456:789a::/64', gateway: 'fd12:3456:789a::1' },
    ]);
    expect(
      resolve({ enableIPv6: true, ...withSubnet('FD00:0::/64', { gateway: 'fd00::00FF' }) }).ipam.pools[1],
    ).toEqual({
      subnet: 'fd00::/64',
      gateway: 'fd00::ff',
    });
    expect(resolve({ enableIPv4: false, enableIPv6: true, ...withSubnet('fd00::/64') }).ipam.pools).toHaveLength(1);
  });

  test('of IPv6 by a driver option', () => {
    const options = { 'com.docker.network.enable_ipv6': 'true' };
    expect(resolve({ options, ...withSubnet('fd00::/64') })).toMatchObject({ enableIPv6: true });
    expect(resolve({ options, enableIPv6: false })).toMatchObject({ enableIPv6: false });
  });

  test('of IPv6 are no more than words without IPv6', () => {
    const network = resolve(withSubnet('fd00::1/64'));
    expect(network.ipam.pools).toHaveLength(1);
    expect(shownPools(network)).toEqual([{ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }, { subnet: 'fd00::1/64' }]);
  });

  test.each([
    ['a chosen one with its gateway', {}, [{ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }]],
    ['one that was asked for as it was written', withSubnet('10.1.0.0/16'), [{ subnet: '10.1.0.0/16' }]],
    [
      'one of which the size was said as it was chosen',
      withSubnet('0.0.0.0/24'),
      [{ subnet: '172.17.0.0/24', gateway: '172.17.0.1' }],
    ],
    [
      'each version for itself',
      { enableIPv6: true, ...withSubnet('fd00:0::/64', { gateway: 'fd00::9' }) },
      [
        { subnet: '172.17.0.0/16', gateway: '172.17.0.1' },
        { subnet: 'fd00:0::/64', gateway: 'fd00::9' },
      ],
    ],
  ])('are shown: %s', (_, asked, shown) => {
    expect(shownPools(resolve(asked))).toEqual(shown);
  });

  test('never overlap, whatever is asked and whatever goes', () => {
    const asked = fc.oneof(
      fc.constant({}),
      fc.integer({ min: 14, max: 30 }).map((length) => withSubnet(`0.0.0.0/${length}`)),
      fc
        .tuple(fc.integer({ min: 16, max: 31 }), fc.nat(255), fc.constantFrom(16, 24))
        .map(([second, third, length]) => withSubnet(`172.${second}.${length === 24 ? third : 0}.0/${length}`)),
    );
    const act = fc.oneof({ weight: 3, arbitrary: asked }, { weight: 1, arbitrary: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        const { networks, create } = engine();
        for (const act of acts) {
          if (typeof act === 'number') {
            if (act + 3 < networks.length) networks.splice(act + 3, 1);
            continue;
          }
          try {
            create(act);
          } catch (error) {
            if (!(error instanceof EngineError)) throw error;
          }
        }
        const subnets = networks.flatMap(({ ipam }) => ipam.pools.map(({ subnet }) => parsePrefix(subnet)!));
        for (const [index, subnet] of subnets.entries()) {
          expect(subnets.slice(index + 1).some((other) => overlaps(subnet, other))).toBe(false);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('refusals', () => {
  test.each(['bridge', 'host', 'none', 'default'])('the name %s', (name) => {
    expect(refusal(() => resolve({ name }))).toEqual([
      'forbidden',
      `operation is not permitted on predefined ${name} network `,
    ]);
  });

  test('a name that is taken', () => {
    expect(refusal(() => resolve({}, { networks: [resolve()] }))).toEqual([
      'conflict',
      'network with name net already exists',
    ]);
  });

  test.each(['', '  '])('the name "%s"', (name) => {
    expect(refusal(() => resolve({ name }))).toEqual(['invalid', `invalid name: ${name}`]);
  });

  const NO_SWARM =
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

  test.each<[string, Partial<NetworkRequest>, ErrorCode, string]>([
    ['an unknown driver', { driver: 'foo' }, 'not-found', 'plugin "foo" not found'],
    ['a second host network', { driver: 'host' }, 'forbidden', 'only one instance of "host" network is allowed'],
    ['a second null network', { driver: 'null' }, 'forbidden', 'only one instance of "null" network is allowed'],
    ['the swarm’s driver', { driver: 'overlay' }, 'forbidden', NO_SWARM],
    [
      'the swarm’s scope',
      { scope: 'swarm' },
      'forbidden',
      'cannot create a swarm scoped network when swarm is not active',
    ],
    ['another scope', { scope: 'global' }, 'unavailable', NO_SWARM],
    ['ingress', { ingress: true }, 'forbidden', 'Ingress network can only be global scope network'],
    ['no IP at all', { enableIPv4: false }, 'invalid', 'IPv4 or IPv6 must be enabled'],
    [
      'an unknown IPAM driver',
      { ipam: { driver: 'foo', options: null, pools: [] } },
      'not-found',
      'plugin "foo" not found',
    ],
    ['the null IPAM driver', { ipam: { driver: 'null', options: null, pools: [] } }, 'invalid', 'ipv4 pool is empty'],
  ])('%s', (_, asked, code, text) => {
    expect(refusal(() => resolve(asked))).toEqual([code, text]);
  });

  test.each([
    ['bridge.enable_icc', 'x', 'strconv.ParseBool: parsing "x": invalid syntax'],
    ['bridge.enable_ip_masquerade', '2', 'strconv.ParseBool: parsing "2": invalid syntax'],
    ['bridge.inhibit_ipv4', 'yes', 'strconv.ParseBool: parsing "yes": invalid syntax'],
    ['bridge.default_bridge', '', 'strconv.ParseBool: parsing "": invalid syntax'],
    ['enable_ipv6', 'q', 'strconv.ParseBool: parsing "q": invalid syntax'],
    ['bridge.host_binding_ipv4', 'zz', 'nil ip'],
    ['host_ipv4', '999', 'nil ip'],
    ['host_ipv4', '::1', 'nil ip'],
    ['driver.mtu', 'abc', 'strconv.Atoi: parsing "abc": invalid syntax'],
    ['driver.mtu', '', 'strconv.Atoi: parsing "": invalid syntax'],
    ['driver.mtu', '99999999999999999999', 'strconv.Atoi: parsing "99999999999999999999": value out of range'],
    ['bridge.gateway_mode_ipv4', 'foo', 'unknown gateway mode foo'],
    ['bridge.name', 'waytoolonginterfacename', `a link name has ${LINK_NAME_RULE}`],
    ['bridge.name', '../../x', `a link name has ${LINK_NAME_RULE}`],
    ['bridge.name', '-x', `a link name has ${LINK_NAME_RULE}`],
    ['bridge.name', 'a -j DROP', `a link name has ${LINK_NAME_RULE}`],
    ['bridge.trusted_host_interfaces', 'eth0:!lo', `!lo is no link name: ${LINK_NAME_RULE}`],
    ['container_iface_prefix', 'fourteen-chars', `with a number behind it, it must be a link name: ${LINK_NAME_RULE}`],
  ])('com.docker.network.%s=%s', (name, value, why) => {
    const label = `com.docker.network.${name}`;
    const expected = ['invalid', `failed to parse ${label} value: ${value} (${why})`];
    expect(refusal(() => resolve({ options: { [label]: value } }))).toEqual(expected);
  });

  test.each(['-5', '70000'])('an MTU of %s', (mtu) => {
    const options = { 'com.docker.network.driver.mtu': mtu };
    expect(refusal(() => resolve({ options }))).toEqual(['invalid', `invalid MTU number: ${mtu}`]);
  });

  test('isolation of a network that is not internal', () => {
    const options = { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' };
    expect(refusal(() => resolve({ options }))[1]).toMatch("gateway mode 'isolated'");
    expect(resolve({ options, internal: true }).bridge?.gatewayMode4).toBe('isolated');
  });

  test('subnets are told before options', () => {
    const other = resolve({ name: 'other', ...withPools({ subnet: '10.0.0.0/24' }) });
    const options = { 'com.docker.network.driver.mtu': 'big' };
    expect(refusal(() => resolve({ ...withPools({ subnet: '10.0.0.0/16' }), options }, { networks: [other] }))[1]).toBe(
      'Pool overlaps with other one on this address space',
    );
  });

  test('the search for the next subnet begins behind that of a refused network', () => {
    let cursor = FIRST_POOLS;
    const moveCursor = (moved: PoolCursor): void => void (cursor = moved);
    const options = { 'com.docker.network.driver.mtu': 'big' };
    expect(refusal(() => resolve({ options }, { moveCursor }))[0]).toBe('invalid');
    expect(cursor).toEqual({ 4: 1n, 6: 0n });
    const taken = resolve({ name: 'taken', enableIPv6: true, ...withSubnet('fd00::/64') });
    const overlapping = { enableIPv6: true, ...withSubnet('fd00::/80') };
    expect(refusal(() => resolve(overlapping, { moveCursor, cursor, networks: [taken] }))[0]).toBe('forbidden');
    expect(cursor).toEqual({ 4: 2n, 6: 0n });
  });

  test('a bridge that another network has', () => {
    const options = { 'com.docker.network.bridge.name': 'br' };
    const other = resolve({ name: 'other', options }, { id: 'f'.repeat(64) });
    expect(refusal(() => resolve({ options }, { networks: [other] }))).toEqual([
      'forbidden',
      `cannot create network ${ID} (br): conflicts with network ${'f'.repeat(64)} (br): networks have same bridge name`,
    ]);
  });

  test.each([
    ['the same', '172.18.0.0/16'],
    ['one within', '172.18.5.0/24'],
    ['one around', '172.16.0.0/12'],
  ])('a subnet that overlaps: %s', (_, subnet) => {
    const other = resolve({ name: 'other', ...withSubnet('172.18.0.0/16') }, { id: 'f'.repeat(64) });
    expect(refusal(() => resolve(withSubnet(subnet), { networks: [other] }))).toEqual([
      'forbidden',
      'Pool overlaps with other one on this address space',
    ]);
  });

  test('one more than all subnets', () => {
    const { create } = engine();
    for (let count = 0; count < 30; count++) create();
    const [code, text] = refusal(() => create());
    expect(code).toBe('invalid');
    expect(text).toMatch(
      /^could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network \(network bridge has 172\.17\.0\.0\/16, network n3 has 172\.18\.0\.0\/16, .*, network n32 has 192\.168\.240\.0\/20\)$/,
    );
  });

  test('no subnet left as the host needs them: it is told who holds what', () => {
    const holder = resolve({ name: 'holder', ...withSubnet('10.0.0.0/25') }, { id: 'f'.repeat(64) });
    const sources = [{ base: '10.0.0.0/24', size: 25 }];
    const avoid = ['10.0.0.0/25', '10.0.0.128/26', '10.0.0.200', '192.0.2.0/24', '0.0.0.0/0'];
    expect(refusal(() => resolve({}, { networks: [holder], sources, avoid }))[1]).toContain(
      ' (network holder has 10.0.0.0/25, the host needs 10.0.0.128/26, the host needs 10.0.0.200)',
    );
  });

  test('two subnets of one version', () => {
    const asked = withPools({ subnet: '10.1.0.0/16' }, { subnet: '10.2.0.0/16' });
    expect(refusal(() => resolve(asked))).toEqual(['forbidden', "bridge driver doesn't support multiple subnets"]);
  });

  test.each<[PoolRequest, string]>([
    [{}, 'invalid subnet : invalid CIDR block notation'],
    [{ gateway: '10.1.0.1' }, 'invalid subnet : invalid CIDR block notation'],
    [{ subnet: 'abc' }, 'invalid subnet abc: invalid CIDR block notation'],
    [{ subnet: '10.1.0.0' }, 'invalid subnet 10.1.0.0: invalid CIDR block notation'],
    [{ subnet: '10.1.0.0/33' }, 'invalid subnet 10.1.0.0/33: invalid CIDR block notation'],
    [{ subnet: '010.1.0.0/16' }, 'invalid subnet 010.1.0.0/16: invalid CIDR block notation'],
    [{ subnet: '::ffff:10.1.0.0/112' }, 'invalid subnet ::ffff:10.1.0.0/112: invalid CIDR block notation'],
    [{ subnet: '10.10.10.0/8' }, 'invalid subnet 10.10.10.0/8: it should be 10.0.0.0/8'],
    [
      { subnet: '10.1.0.0/16', gateway: '10.2.0.1' },
      "invalid gateway 10.2.0.1: parent subnet 10.1.0.0/16 doesn't contain this address",
    ],
    [{ subnet: '10.1.0.0/16', gateway: '1001.10.5.3' }, 'invalid gateway 1001.10.5.3: invalid address'],
    [{ subnet: '10.1.0.0/16', gateway: 'fd00::1' }, 'invalid gateway fd00::1: parent subnet is an IPv4 block'],
    [{ subnet: '10.1.0.0/16', ipRange: 'foobar' }, 'invalid ip-range foobar: invalid CIDR block notation'],
    [
      { subnet: '10.1.0.0/16', ipRange: '10.0.0.0/8' },
      'invalid ip-range 10.0.0.0/8: CIDR block is bigger than its parent subnet 10.1.0.0/16',
    ],
    [{ subnet: '10.1.0.0/16', ipRange: '10.1.1.1/24' }, 'invalid ip-range 10.1.1.1/24: it should be 10.1.1.0/24'],
    [
      { subnet: '10.1.0.0/16', ipRange: '10.2.0.0/24' },
      "invalid ip-range 10.2.0.0/24: parent subnet 10.1.0.0/16 doesn't contain ip-range",
    ],
    [{ subnet: '10.1.0.0/16', ipRange: 'fd00::/64' }, 'invalid ip-range fd00::/64: parent subnet is an IPv4 block'],
    [{ subnet: '10.1.0.0/16', auxiliary: { a: 'dummy' } }, 'invalid auxiliary address a: invalid address'],
    [
      { subnet: '10.1.0.0/16', auxiliary: { a: '10.2.0.1' } },
      "invalid auxiliary address a: parent subnet 10.1.0.0/16 doesn't contain this address",
    ],
  ])('the pool %j', (pool, why) => {
    expect(refusal(() => resolve(withPools(pool)))).toEqual(['invalid', `invalid network config:\n${why}`]);
  });

  test('all that is wrong with pools, at once', () => {
    const pool = { subnet: '10.1.0.1/16', gateway: 'x', auxiliary: { a: 'y' } };
    expect(refusal(() => resolve(withPools(pool)))[1]).toBe(
      'invalid network config:\n' +
        '* invalid subnet 10.1.0.1/16: it should be 10.1.0.0/16\n' +
        '* invalid gateway x: invalid address\n' +
        '* invalid auxiliary address a: invalid address',
    );
  });

  test.each<[PoolRequest, string]>([
    [{ gateway: '10.1.0.0' }, 'failed to allocate gateway (10.1.0.0): Address already in use'],
    [{ gateway: '10.1.255.255' }, 'failed to allocate gateway (10.1.255.255): Address already in use'],
    [{ auxiliary: { a: '10.1.0.1' } }, 'failed to allocate secondary ip address (a:10.1.0.1): Address already in use'],
    [
      { auxiliary: { a: '10.1.0.9', b: '10.1.0.9' } },
      'failed to allocate secondary ip address (b:10.1.0.9): Address already in use',
    ],
    [{ ipRange: '10.1.0.0/32' }, 'failed to allocate gateway: No available addresses on this pool (10.1.0.0/32)'],
  ])('of 10.1.0.0/16, %j', (pool, text) => {
    expect(refusal(() => resolve(withSubnet('10.1.0.0/16', pool)))).toEqual(['forbidden', text]);
  });
});

describe('configuration networks', () => {
  const template = resolve({
    name: 'template',
    configOnly: true,
    labels: { x: 'y' },
    options: { 'com.docker.network.driver.mtu': '1400' },
    ...withSubnet('10.66.0.0/24'),
  });

  test('are templates: no pool, no bridge, the null driver', () => {
    expect(template).toMatchObject({ driver: 'null', configOnly: true, scope: 'local', labels: { x: 'y' } });
    expect(template.ipam.pools).toEqual([]);
    expect(template.bridge).toBeUndefined();
    expect(shownPools(template)).toEqual([{ subnet: '10.66.0.0/24' }]);
  });

  test('give others their options, labels and pools', () => {
    const network = resolve({ configFrom: 'template', internal: true }, { networks: [template] });
    expect(network).toMatchObject({
      driver: 'bridge',
      configFrom: 'template',
      internal: true,
      labels: { x: 'y' },
      options: { 'com.docker.network.driver.mtu': '1400' },
      ipam: { options: null, pools: [{ subnet: '10.66.0.0/24', gateway: '10.66.0.1' }] },
      bridge: { mtu: 1400 },
    });
  });

  const OWN_WORDS = 'user specified configurations are not supported if the network depends on a configuration network';

  test.each<[string, Partial<NetworkRequest>, ErrorCode, string]>([
    ['a missing one', { configFrom: 'nope' }, 'not-found', 'configuration network "nope" does not exist'],
    ['an ordinary one', { configFrom: 'plain' }, 'not-found', 'configuration network "plain" does not exist'],
    ['own labels', { configFrom: 'template', labels: { a: 'b' } }, 'forbidden', OWN_WORDS],
    ['own pools', { configFrom: 'template', ...withSubnet('10.67.0.0/24') }, 'forbidden', OWN_WORDS],
    ['own IPv6', { configFrom: 'template', enableIPv6: true }, 'forbidden', OWN_WORDS],
    [
      'own options',
      { configFrom: 'template', options: { a: 'b' } },
      'forbidden',
      'network driver options are not supported if the network depends on a configuration network',
    ],
    [
      'one from another',
      { configFrom: 'template', configOnly: true },
      'forbidden',
      'a configuration network cannot depend on another configuration network',
    ],
    [
      'an internal one',
      { configOnly: true, internal: true },
      'forbidden',
      'configuration network can only contain network specific fields. ' +
        'Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
    ],
  ])('refusal of %s', (_, asked, code, text) => {
    const networks = [template, resolve({ name: 'plain' })];
    expect(refusal(() => resolve(asked, { networks }))).toEqual([code, text]);
  });

  test('the CLI’s empty words are no words of one’s own', () => {
    const ipam = { driver: 'default', options: {}, pools: [] };
    expect(resolve({ configFrom: 'template', ipam }, { networks: [template] }).ipam.pools).toHaveLength(1);
  });
});
