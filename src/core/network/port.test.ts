import { describe, expect, test } from 'vitest';
import type { HostPort } from '../container/config.ts';
import { requestedPorts, type RequestedPort } from './port.ts';

const to = (HostPort: string, HostIp = ''): HostPort => ({ HostIp, HostPort });

const brief = ({ protocol, containerPort, hostAddress, from, to }: RequestedPort): string =>
  `${hostAddress}:${from === to ? from : `${from}-${to}`}:${containerPort}/${protocol}`;

const requested = (
  bindings: Readonly<Record<string, readonly HostPort[] | null>>,
  exposed: readonly string[] = [],
  publishAll = false,
) => requestedPorts(Object.fromEntries(exposed.map((port) => [port, {}])), bindings, publishAll).map(brief);

describe('a request', () => {
  test.each([
    ['80/tcp', to('8080'), ':8080:80/tcp'],
    ['80', to('8080'), ':8080:80/tcp'],
    ['80/TCP', to('8080'), ':8080:80/tcp'],
    ['53/udp', to('53', '127.0.0.1'), '127.0.0.1:53:53/udp'],
    ['9/sctp', to('9', '::1'), '::1:9:9/sctp'],
    ['80/tcp', to('80', 'FE80:0::1'), 'fe80::1:80:80/tcp'],
    // One free port of a range, and any free one.
    ['80/tcp', to('8000-8010'), ':8000-8010:80/tcp'],
    ['80/tcp', to(''), ':0:80/tcp'],
    ['80/tcp', to('0'), ':0:80/tcp'],
    ['80/tcp', to('8080/udp'), ':8080:80/tcp'],
  ])('%s to %j', (port, binding, expected) => {
    expect(requested({ [port]: [binding] })).toEqual([expected]);
  });

  test('for nothing', () => {
    expect(requested({ '80/tcp': [], '81/tcp': null }, ['82/tcp'])).toEqual([]);
  });

  test('for all exposed ports that have no binding of their own', () => {
    expect(requested({ '80/tcp': [to('80')], '70/tcp': [] }, ['80/tcp', '443', '53/udp', '70/tcp'], true)).toEqual([
      ':80:80/tcp',
      ':0:443/tcp',
      ':0:70/tcp',
      ':0:53/udp',
    ]);
  });

  test('for an exposed range', () => {
    expect(requested({}, ['80-82/udp'], true)).toEqual([':0:82/udp', ':0:81/udp', ':0:80/udp']);
  });
});

describe('the order', () => {
  test('is by the host’s port, then the container’s, falling; tcp before udp', () => {
    const bindings = {
      '53/udp': [to('53')],
      '53/tcp': [to('53')],
      '80/tcp': [to('8080')],
      '443/tcp': [to('8443')],
      '22/tcp': [to('')],
      '25/udp': [to('')],
    };
    expect(requested(bindings)).toEqual([
      ':8443:443/tcp',
      ':8080:80/tcp',
      ':53:53/tcp',
      ':53:53/udp',
      ':0:25/udp',
      ':0:22/tcp',
    ]);
  });

  test('of one tcp port’s bindings is the reverse of the request’s', () => {
    expect(requested({ '80/tcp': [to('81'), to('83'), to('82')] })).toEqual([':82:80/tcp', ':83:80/tcp', ':81:80/tcp']);
  });

  test('of one udp port’s bindings is by the host’s port, falling', () => {
    expect(requested({ '80/udp': [to('81'), to('83'), to('82')] })).toEqual([':83:80/udp', ':82:80/udp', ':81:80/udp']);
  });

  test('does not depend on the request’s', () => {
    const bindings = { '1/tcp': [to('9')], '2/tcp': [to('8')], '3/udp': [to('')], '4/sctp': [to('')] };
    const reversed = Object.fromEntries(Object.entries(bindings).toReversed());
    expect(requested(reversed)).toEqual(requested(bindings));
  });
});

describe('refused', () => {
  test.each([
    ['x/tcp', to('80'), 'x'],
    ['99999/tcp', to('80'), '99999'],
    ['0/tcp', to('80'), '0'],
    ['80-81/tcp', to('80-81'), '80-81'],
    ['81-80/tcp', to('80'), '81-80'],
    ['80/foo', to('80'), '80/foo'],
    ['80/tcp/udp', to('80'), '80/tcp/udp'],
    ['80/tcp', to('99999'), '99999'],
    ['80/tcp', to('x'), 'x'],
    ['80/tcp', to('-1'), '-1'],
    ['80/tcp', to('90-80'), '90-80'],
    ['80/tcp', to('0-10'), '0-10'],
    ['80/tcp', to('8080 -j ACCEPT'), '8080 -j ACCEPT'],
  ])('%s to %j', (port, binding, named) => {
    const message = `invalid port specification: "${named}"`;
    expect(() => requested({ [port]: [binding] })).toThrow(expect.objectContaining({ code: 'invalid', message }));
  });

  test('an exposed port that is none', () => {
    expect(() => requested({}, ['x/tcp'])).toThrow('invalid port specification: "x"');
  });

  test('a host address that is none', () => {
    const message = 'invalid IP address: zz';
    expect(() => requested({ '80/tcp': [to('80', 'zz')] })).toThrow(
      expect.objectContaining({ code: 'invalid', message }),
    );
  });
});
