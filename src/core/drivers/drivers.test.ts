import { describe, expect, it } from 'vitest';
import type { FirewallOptions } from '../firewall/layout.ts';
import { network, OPTIONS, place, SANDBOX } from '../firewall/records.fixture.ts';
import { describe as line } from '../plan/describe.ts';
import type { Desired } from '../plan/object.ts';
import { endpointObjects, engineObjects, networkObjects, sandboxObjects } from './drivers.ts';

/** All but the firewall, one line each. */
const lines = (objects: readonly Desired[]) =>
  objects.filter(({ kind }) => kind !== 'rule' && kind !== 'chain').map((object) => line(object));

const of = (record: ReturnType<typeof network>, options: FirewallOptions = OPTIONS) =>
  lines(networkObjects(record, options));

describe('a bridge network', () => {
  it('is a bridge with the gateway’s address, that takes no router from anybody', () => {
    expect(of(network('N', 2))).toEqual([
      'bridge N',
      'sysctl net/ipv6/conf/N/accept_ra = 0',
      'address 172.18.0.1/16 on N',
    ]);
  });

  it('has a MAC and a broadcast address, and leaves its MTU to its ports', () => {
    const objects = networkObjects(network('N', 2, { bridge: { mtu: 1400 } }), OPTIONS);
    expect(objects[0]).toMatchObject({ type: 'bridge', mac: '02:42:00:00:00:01', up: true });
    expect(objects[0]).not.toHaveProperty('mtu');
    expect(objects.find(({ kind }) => kind === 'address')).toMatchObject({ broadcast: '172.18.255.255' });
  });

  it.each([
    ['a subnet of two addresses', { subnets: [{ subnet: '10.0.0.0/31', gateway: '10.0.0.0' }] }],
    ['no host address', { bridge: { inhibitIpv4: true } }],
    ['a gateway mode without a gateway', { internal: true, bridge: { gatewayMode4: 'isolated' as const } }],
  ])('with %s has no broadcast address', (_, choice) => {
    const objects = networkObjects(network('N', 2, choice), OPTIONS);
    expect(objects.filter((object) => object.kind === 'address' && object.broadcast)).toEqual([]);
  });

  it('with IPv6 speaks it, routes it, and has the link-local gateway too', () => {
    const subnets = [{ subnet: 'fd00::/64', gateway: 'fd00::1' }];
    expect(of(network('N', 2, { enableIPv6: true, subnets }))).toEqual([
      'bridge N',
      'sysctl net/ipv6/conf/N/accept_ra = 0',
      'sysctl net/ipv6/conf/N/disable_ipv6 = 0',
      'sysctl net/ipv6/conf/default/forwarding = 1',
      'sysctl net/ipv6/conf/all/forwarding = 1',
      'address fe80::1/64 on N',
      'address fd00::1/64 on N',
    ]);
  });

  it('that somebody else made is brought up, and gets the gateway that it has not', () => {
    const subnets = [{ subnet: '10.5.0.0/24', gateway: '10.5.0.1' }];
    expect(of(network('N', 2, { subnets, bridge: { foreign: true } }))).toEqual([
      'bridge N',
      'address 10.5.0.1/24 on N',
    ]);
    expect(of(network('N', 2, { subnets, bridge: { foreign: true, had: ['10.5.0.1/24'] } }))).toEqual(['bridge N']);
  });

  it('without icc has packets within the bridge filtered', () => {
    expect(of(network('N', 2, { bridge: { icc: false } }))).toContain('sysctl net/bridge/bridge-nf-call-iptables = 1');
  });

  it('without the userland proxy routes from loopback', () => {
    expect(of(network('N', 2), { ...OPTIONS, userlandProxy: false })).toContain(
      'sysctl net/ipv4/conf/N/route_localnet = 1',
    );
  });
});

describe('networks of other drivers', () => {
  const { bridge: _, ...plain } = network('none', 1, { subnets: [] });

  it.each(['null', 'host'])('%s make nothing', (driver) => {
    expect(networkObjects({ ...plain, driver }, OPTIONS)).toEqual([]);
    expect(endpointObjects(place('c1', { ...plain, driver }, ''), OPTIONS)).toEqual([]);
  });

  it('that are unknown are named', () => {
    expect(() => networkObjects({ ...plain, driver: 'overlay' }, OPTIONS)).toThrow(/none has the driver overlay/);
  });

  it('that are but a configuration make nothing', () => {
    expect(networkObjects({ ...plain, configOnly: true, driver: 'null' }, OPTIONS)).toEqual([]);
  });
});

describe('a sandbox', () => {
  const user = network('N', 2);
  const docker0 = network('bridge', 1);

  it('has loopback, and no IPv6 that nobody asked for', () => {
    expect(lines(sandboxObjects(SANDBOX, 'c1', []))).toEqual([
      'network namespace c1-sandbox',
      'loopback lo in c1-sandbox',
      'sysctl net/ipv6/conf/all/disable_ipv6 = 1 in c1-sandbox',
      'sysctl net/ipv6/conf/lo/disable_ipv6 = 1 in c1-sandbox',
    ]);
  });

  it('has ::1 once it has an IPv6 address', () => {
    const with6 = place('c1', docker0, '172.17.0.2/16', [], { ipv6: 'fd00::2/64' });
    expect(lines(sandboxObjects(SANDBOX, 'c1', [with6]))).toContain(
      'sysctl net/ipv6/conf/lo/disable_ipv6 = 0 in c1-sandbox',
    );
  });

  it('has a name server on networks that users made, not on the default bridge', () => {
    const names = 'name server 127.0.0.11 in c1-sandbox';
    expect(lines(sandboxObjects(SANDBOX, 'c1', [place('c1', user, '172.18.0.2/16')]))).toContain(names);
    expect(lines(sandboxObjects(SANDBOX, 'c1', [place('c1', docker0, '172.17.0.2/16')]))).not.toContain(names);
  });

  it('is the host itself in host mode', () => {
    expect(sandboxObjects({ ...SANDBOX, host: true }, 'c1', [])).toEqual([]);
  });
});

describe('an endpoint', () => {
  const N = network('N', 2);
  const its = (where: ReturnType<typeof place>, options = OPTIONS) => lines(endpointObjects(where, options));

  it('is a veth pair, an address and, as the gateway, the default route', () => {
    expect(its(place('c1', N, '172.18.0.2/16'))).toEqual([
      'veth veth-c1 on N with eth0 in c1-sandbox',
      'address 172.18.0.2/16 on eth0 in c1-sandbox',
      'route default via 172.18.0.1 dev eth0 in c1-sandbox',
    ]);
  });

  it('that is not the gateway has no default route', () => {
    expect(its(place('c1', N, '172.18.0.2/16', [], { isGateway4: false }))).not.toContainEqual(
      expect.stringContaining('default'),
    );
  });

  it('has the network’s MTU, its own MAC, and is no hairpin', () => {
    const [veth] = endpointObjects(place('c1', N, '172.18.0.2/16'), OPTIONS);
    expect(veth).toMatchObject({ mtu: 1500, master: 'N', peer: { mac: '02:42:ac:12:00:02' } });
    expect(veth).not.toHaveProperty('hairpin');
    const [hairpin] = endpointObjects(place('c1', N, '172.18.0.2/16'), { ...OPTIONS, userlandProxy: false });
    expect(hairpin).toMatchObject({ hairpin: true });
  });

  it('with IPv6 has it switched on, an address at once, and a route', () => {
    const where = place('c1', N, '172.18.0.2/16', [], { ipv6: 'fd00::2/64', gateway6: 'fd00::1', isGateway6: true });
    expect(its(where)).toEqual([
      'veth veth-c1 on N with eth0 in c1-sandbox',
      'sysctl net/ipv6/conf/eth0/disable_ipv6 = 0 in c1-sandbox',
      'address 172.18.0.2/16 on eth0 in c1-sandbox',
      'address fd00::2/64 on eth0 in c1-sandbox',
      'route default via 172.18.0.1 dev eth0 in c1-sandbox',
      'route default via fd00::1 dev eth0 in c1-sandbox',
    ]);
    expect(endpointObjects(where, OPTIONS).find((object) => line(object).includes('fd00::2/64'))).toMatchObject({
      nodad: true,
    });
  });

  it('has a listener for each published port, also from IPv6 to IPv4', () => {
    expect(its(place('c1', N, '172.18.0.2/16', ['80:8080', '[::]:80:8080'])).slice(-2)).toEqual([
      'listener 0.0.0.0:80/tcp to 172.18.0.2:8080',
      'listener [::]:80/tcp to 172.18.0.2:8080',
    ]);
  });

  it('keeps its ports without the userland proxy, but forwards nothing', () => {
    expect(its(place('c1', N, '172.18.0.2/16', ['80:8080']), { ...OPTIONS, userlandProxy: false }).at(-1)).toBe(
      'listener 0.0.0.0:80/tcp',
    );
  });

  it('leaves the host’s ports free on a routed network', () => {
    const routed = network('N', 2, { bridge: { gatewayMode4: 'routed' } });
    expect(its(place('c1', routed, '172.18.0.2/16', ['0:8080']))).not.toContainEqual(
      expect.stringContaining('listener'),
    );
  });
});

describe('the engine', () => {
  it('makes the host forward, if it may', () => {
    expect(lines(engineObjects(OPTIONS))).toEqual(['sysctl net/ipv4/ip_forward = 1']);
    expect(lines(engineObjects({ ...OPTIONS, ipForward: false }))).toEqual([]);
  });
});
