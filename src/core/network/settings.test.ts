import { describe, expect, test } from 'vitest';
import type { EndpointSettings } from './endpoint.ts';
import type { NetworkRecord, Pool } from './network.ts';
import { checkEndpointSettings } from './settings.ts';

const network = (name: string, pools: readonly Pool[], requested: readonly Pool[] = pools): NetworkRecord => ({
  id: 'f'.repeat(64),
  name,
  created: '2026-01-01T00:00:00Z',
  driver: 'bridge',
  scope: 'local',
  enableIPv4: true,
  enableIPv6: true,
  internal: false,
  attachable: false,
  ingress: false,
  configOnly: false,
  configFrom: '',
  options: {},
  labels: {},
  ipam: { driver: 'default', options: null, pools, requested },
  sequence: 1,
});

const POOLS = [
  { subnet: '10.1.0.0/16', gateway: '10.1.0.1' },
  { subnet: 'fd00::/64', gateway: 'fd00::1' },
];
const own = network('own', POOLS);

test('a place on a configuration is not looked for in its pools, of which it has none', () => {
  const settings = { ipv4Address: '10.1.2.3' };
  expect(checkEndpointSettings({ ...network('template', []), configOnly: true }, settings)).toEqual(settings);
});

describe('settings become canonical', () => {
  test.each<[EndpointSettings, EndpointSettings]>([
    [{}, {}],
    [{ ipv4Address: '10.1.2.3' }, { ipv4Address: '10.1.2.3' }],
    [{ ipv6Address: 'FD00:0::00A1' }, { ipv6Address: 'fd00::a1' }],
    [{ mac: '02-42-AC-12-00-02' }, { mac: '02:42:ac:12:00:02' }],
    [{ linkLocalAddresses: ['169.254.34.68', 'FE80::1'] }, { linkLocalAddresses: ['169.254.34.68', 'fe80::1'] }],
    [
      { aliases: ['web'], links: ['c:d'], gatewayPriority: 1 },
      { aliases: ['web'], links: ['c:d'], gatewayPriority: 1 },
    ],
    // Clients write empty text for what they do not ask for.
    [
      { ipv4Address: '', ipv6Address: '', mac: '' },
      { ipv4Address: '', ipv6Address: '', mac: '' },
    ],
  ])('%j', (settings, canonical) => {
    expect(checkEndpointSettings(own, settings)).toEqual(canonical);
  });
});

describe('refused, with what is wrong', () => {
  test.each<[string, NetworkRecord, EndpointSettings, string]>([
    [
      'a static address on the default bridge',
      network('bridge', POOLS),
      { ipv4Address: '10.1.2.3' },
      'user-specified IP address is supported on user-defined networks only',
    ],
    [
      'an address of another network',
      own,
      { ipv4Address: '10.2.0.1' },
      'no configured subnet contains IP address 10.2.0.1',
    ],
    [
      'an IPv6 address of another network',
      own,
      { ipv6Address: 'fd01::1' },
      'no configured subnet contains IP address fd01::1',
    ],
    [
      'an address of a subnet that nobody asked for',
      network('chosen', POOLS, []),
      { ipv4Address: '10.1.2.3' },
      'user specified IP address is supported only when connecting to networks with user configured subnets',
    ],
    [
      'an IPv6 address, where only the IPv4 subnet was asked for',
      network('half', POOLS, POOLS.slice(0, 1)),
      { ipv6Address: 'fd00::9' },
      'user specified IP address is supported only when connecting to networks with user configured subnets',
    ],
    ['no address', own, { ipv4Address: '010.1.2.3' }, 'invalid IPv4 address: 010.1.2.3'],
    ['an address of the other version', own, { ipv4Address: 'fd00::9' }, 'invalid IPv4 address: fd00::9'],
    ['no IPv6 address', own, { ipv6Address: '10.1.2.3' }, 'invalid IPv6 address: 10.1.2.3'],
    ['the address of nobody', own, { ipv4Address: '0.0.0.0' }, 'invalid IPv4 address: 0.0.0.0'],
    ['no link-local address', own, { linkLocalAddresses: ['x'] }, 'invalid link-local IP address: x'],
    ['no MAC', own, { mac: 'zz' }, 'invalid MAC address: zz'],
    ['several at once', own, { ipv4Address: 'x', mac: 'y' }, '* invalid IPv4 address: x\n* invalid MAC address: y'],
  ])('%s', (_, on, settings, why) => {
    const message = `invalid endpoint settings:\n${why}`;
    expect(() => checkEndpointSettings(on, settings)).toThrow(expect.objectContaining({ code: 'invalid', message }));
  });

  test('an alias on the default bridge', () => {
    const message = 'network-scoped alias is supported only for containers in user defined networks';
    expect(() => checkEndpointSettings(network('bridge', POOLS), { aliases: ['x'] })).toThrow(
      expect.objectContaining({ code: 'invalid', message }),
    );
    expect(checkEndpointSettings(network('bridge', POOLS), { aliases: [] })).toEqual({ aliases: [] });
  });
});
