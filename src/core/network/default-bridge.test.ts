import { describe, expect, test } from 'vitest';
import { DEFAULT_SOURCES } from '../ipam/sources.ts';
import { defaultBridgeRequest, isMadeFrom, PLAIN_DEFAULT_BRIDGE, type DefaultBridge } from './default-bridge.ts';
import { FIRST_POOLS } from '../ipam/choose.ts';
import { predefinedRequests } from './predefined.ts';
import { resolveNetwork } from './resolve.ts';

const request = (options: Partial<DefaultBridge> = {}, managed?: readonly string[]) =>
  defaultBridgeRequest({ ...PLAIN_DEFAULT_BRIDGE, ...options }, { sources: DEFAULT_SOURCES, managed });
const pools = (options: Partial<DefaultBridge>, managed?: readonly string[]) => request(options, managed)?.ipam?.pools;

test('nothing said: docker0 on a subnet that the engine chooses', () => {
  expect(request()).toEqual({
    enableIPv6: false,
    options: {
      'com.docker.network.bridge.default_bridge': 'true',
      'com.docker.network.bridge.enable_icc': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
      'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
      'com.docker.network.bridge.name': 'docker0',
      'com.docker.network.driver.mtu': '1500',
    },
  });
});

test('none: no network', () => expect(request({ bridge: 'none' })).toBeUndefined());

describe('the subnet', () => {
  test.each<[string, Partial<DefaultBridge>, object[]]>([
    ['is that of the bridge', { bip: '10.1.2.3/24' }, [{ subnet: '10.1.2.0/24', gateway: '10.1.2.3' }]],
    [
      'is that of the bridge, and containers are on a part of it',
      { bip: '10.1.2.1/24', fixedCidr: '10.1.2.128/25' },
      [{ subnet: '10.1.2.0/24', ipRange: '10.1.2.128/25', gateway: '10.1.2.1' }],
    ],
    [
      'is the default pool that the range is in',
      { fixedCidr: '172.17.128.0/17' },
      [{ subnet: '172.17.0.0/16', ipRange: '172.17.128.0/17' }],
    ],
    ['is the range, where no pool holds it', { fixedCidr: '10.9.0.0/24' }, [{ subnet: '10.9.0.0/24' }]],
    [
      'is the default pool that the gateway is in',
      { defaultGateway: '172.17.0.254' },
      [{ subnet: '172.17.0.0/16', auxiliary: { DefaultGatewayIPv4: '172.17.0.254' } }],
    ],
    [
      'is said for each version',
      { bip: '10.1.2.3/24', ipv6: true, bip6: 'fd00:1::9/64', defaultGateway6: 'fd00:1::1' },
      [
        { subnet: '10.1.2.0/24', gateway: '10.1.2.3' },
        { subnet: 'fd00:1::/64', gateway: 'fd00:1::9', auxiliary: { DefaultGatewayIPv6: 'fd00:1::1' } },
      ],
    ],
    ['is the IPv6 range', { ipv6: true, fixedCidr6: 'fd00:2::/64' }, [{ subnet: 'fd00:2::/64' }]],
  ])('%s: %j', (_, options, expected) => expect(pools(options)).toEqual(expected));

  test('of a bridge of the user is that of its address, the one that holds the range', () => {
    const managed = ['fe80::1/64', '10.5.0.9/24', '10.6.0.9/16'];
    expect(pools({ bridge: 'br0' }, managed)).toEqual([{ subnet: '10.5.0.0/24', gateway: '10.5.0.9' }]);
    expect(pools({ bridge: 'br0', fixedCidr: '10.6.7.0/24' }, managed)).toEqual([
      { subnet: '10.6.0.0/16', ipRange: '10.6.7.0/24', gateway: '10.6.0.9' },
    ]);
  });
});

describe('refused', () => {
  test.each<[Partial<DefaultBridge>, readonly string[] | undefined, string]>([
    [{ bridge: 'br0' }, undefined, 'bridge br0: there is no such bridge on the host: make it first'],
    [{ bip: 'fd00::1/64' }, undefined, 'bip fd00::1/64: it should be an IPv4 address with prefix length'],
    [
      { bip: '10.0.0.0/8' },
      undefined,
      'bip 10.0.0.0/8: it should be the address of the bridge, not of the whole subnet',
    ],
    [
      { defaultGateway: '10.0.0.1' },
      undefined,
      'default-gateway 10.0.0.1: no address pool holds it: say the subnet with bip',
    ],
  ])('%j', (options, managed, text) => expect(() => request(options, managed)).toThrow(`default bridge: ${text}`));
});

test('a network is made from its own request, and from no other', () => {
  const options: Partial<DefaultBridge> = { bip: '10.1.2.3/24', fixedCidr: '10.1.2.128/25', icc: false };
  const asked = predefinedRequests(request(options)).at(-1)!;
  const network = resolveNetwork(asked, {
    id: '0'.repeat(64),
    created: '2026-01-01T00:00:00Z',
    sequence: 1,
    random: '01020304',
    networks: [],
    named: () => [],
    onBridge: () => [],
    sources: DEFAULT_SOURCES,
    cursor: FIRST_POOLS,
    moveCursor: () => undefined,
    avoid: [],
    hostLinks: ['lo', 'docker0'],
    addressesOfBridge: () => [],
    predefined: true,
  });
  expect(network.bridge).toMatchObject({ name: 'docker0', icc: false, foreign: false });
  expect(isMadeFrom(network, request(options)!)).toBe(true);
  for (const other of [
    { ...options, mtu: 1400 },
    { ...options, fixedCidr: '' },
    { ...options, ipv6: true },
  ]) {
    expect(isMadeFrom(network, request(other)!)).toBe(false);
  }
});
