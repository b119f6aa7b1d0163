import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../address/address.ts';
import { parseCidr } from '../../address/prefix.ts';
import { endpointObjects, engineObjects, networkObjects, sandboxObjects } from '../../drivers/drivers.ts';
import { network, OPTIONS, place, SANDBOX } from '../../firewall/records.fixture.ts';
import { linuxFromObjects, type NamespaceFacts } from '../../model/objects.ts';
import type { Desired } from '../../plan/object.ts';
import { printTrace } from './print.ts';
import { parseTarget } from './question.ts';
import { trace } from './trace.ts';

const net = network('br1', 1, { subnets: [{ subnet: '172.18.0.0/16', gateway: '172.18.0.1' }] });
const web = place('web', net, '172.18.0.2/16', ['8080:80']);
const job = place('job', net, '172.18.0.3/16', [], { hostInterface: 'veth-job' });

const PLACES = [web, job].map(({ endpoint, containerName }) => ({
  name: containerName,
  aliases: [],
  namespace: endpoint.sandboxId,
  addresses: [{ network: 'br1', address: endpoint.ipv4.split('/')[0]! }],
}));

const UPLINK: NamespaceFacts = {
  links: [
    { name: 'lo', type: 'loopback', up: true, mtu: 65_536 },
    { name: 'eth0', type: 'other', up: true, mtu: 1500 },
  ],
  addresses: [{ link: 'eth0', ...parseCidr('198.51.100.2/24')! }],
  routes: [
    {
      table: 254,
      type: 'unicast',
      to: parseCidr('0.0.0.0/0')!.prefix,
      via: parseAddress('198.51.100.1')!,
      link: 'eth0',
      metric: 0,
    },
  ],
};

function linux(backend: 'iptables' | 'nftables') {
  const options = { ...OPTIONS, backend };
  const objects: Desired[] = [
    ...engineObjects(options),
    ...networkObjects(net, options),
    ...[web, job].flatMap((its) => [
      ...sandboxObjects({ ...SANDBOX, id: its.endpoint.sandboxId }, its.containerName, [its]),
      ...endpointObjects(its, options),
    ]),
  ];
  const unknown: NamespaceFacts = { unknown: ['sockets'] };
  return linuxFromObjects(
    objects,
    new Map([['host', UPLINK], ...PLACES.map((its) => [its.namespace, unknown] as const)]),
  );
}

describe.each(['iptables', 'nftables'] as const)('over %s', (backend) => {
  const model = linux(backend);

  test('a later packet of a connection passes where its first one does, a stray one does not', () => {
    const ask = (from: string, to: string, state: 'established' | 'invalid') => {
      const { verdict, way } = trace({ from, to, state }, model, PLACES);
      return [verdict, way.outcome];
    };
    expect(ask('world', 'host:8080', 'established')).toEqual(['pass', 'answered']);
    expect(ask('job', 'web:80', 'established')).toEqual(['pass', 'answered']);
    expect(ask('world', 'host:8080', 'invalid')).toEqual(['block', 'ECONNREFUSED']);
  });

  test.each([
    ['world', 'host:8080', 'pass', 'answered'],
    ['world', 'host:8081', 'block', 'ECONNREFUSED'],
    ['job', 'web:80', 'pass', 'answered'],
    ['job', 'host:8080', 'pass', 'answered'],
    ['job', '198.51.100.77:443', 'pass', 'left'],
    ['host', 'web', 'pass', 'answered'],
    ['world:198.51.100.9', 'job/icmp', 'block', 'silence'],
    ['127.0.0.1@eth0', 'web:80', 'block', 'silence'],
  ])('%s to %s: %s, %s', (from, to, verdict, outcome) => {
    const { verdict: its, way } = trace({ from, to }, model, PLACES);
    expect([its, way.outcome]).toEqual([verdict, outcome]);
  });
});

test('a published port is told with who asked for each rule and why', () => {
  const told = trace({ from: 'world', to: 'host:8080' }, linux('iptables'), PLACES);
  const text = printTrace(told, 'steps');
  expect(text).toContain('world to host:8080: PASS');
  expect(text).toContain('--dport 8080 -j DNAT --to-destination 172.18.0.2:80');
  expect(text).toContain('why: Published port: what arrives at 0.0.0.0:8080/tcp goes to port 80 of web.');
  expect(text).toContain('assumed: something listens on port 80 in web');
  expect(text).toContain('the way back');
  expect(text).not.toContain('web-sandbox');
  expect(printTrace(told, 'brief').split('\n')).toHaveLength(5);
  expect(printTrace(told, 'all').length).toBeGreaterThan(text.length);
  expect(JSON.parse(JSON.stringify(told))).toEqual(told);
});

test.each([
  ['web:80', { host: 'web', port: 80, protocol: 'tcp' }],
  ['web:53/udp', { host: 'web', port: 53, protocol: 'udp' }],
  ['web', { host: 'web', port: 0, protocol: 'icmp' }],
  ['10.0.0.1/icmp', { host: '10.0.0.1', port: 0, protocol: 'icmp' }],
  ['10.0.0.1:8080/tcp', { host: '10.0.0.1', port: 8080, protocol: 'tcp' }],
  ['[fd00::2]:80', { host: 'fd00::2', port: 80, protocol: 'tcp' }],
  ['fd00::2', { host: 'fd00::2', port: 0, protocol: 'icmp' }],
])('%s is a target', (text, target) => expect(parseTarget(text)).toEqual(target));

test.each([
  ['nobody', 'web:80', 'nobody here is called "nobody"'],
  ['web', 'nobody:80', 'nobody here is called "nobody"'],
  ['web', '', 'is no target'],
  ['web', 'job:99999', 'is no target'],
  ['web', 'job/tcp', 'needs a port'],
  ['web', 'job/smoke', 'is no protocol'],
  ['1.2.3.4@eth9', 'web:80', 'no link eth9'],
  ['world:x', 'web:80', 'is not an IP address'],
])('%s to %s is refused: %s', (from, to, message) => {
  expect(() => trace({ from, to }, linux('iptables'), PLACES)).toThrow(message);
});
