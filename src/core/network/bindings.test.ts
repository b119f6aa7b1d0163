import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allocateBindings, type BindingContext } from './bindings.ts';
import type { PortBinding, PortProtocol } from './endpoint.ts';
import type { RequestedPort } from './port.ts';

const EPHEMERAL = { from: 32_768, to: 60_999 };

const context = (more: Partial<BindingContext> = {}): BindingContext => ({
  endpoint: { id: 'e'.repeat(64), containerName: 'web' },
  inUse: [],
  ephemeral: EPHEMERAL,
  cursor: {},
  hostBinding: '',
  ipv4: true,
  ipv6: true,
  routed: [],
  ...more,
});

const ask = (from = 0, to = from, hostAddress = '', protocol: PortProtocol = 'tcp'): RequestedPort => ({
  protocol,
  containerPort: 80,
  hostAddress,
  from,
  to,
});

const bound = (hostAddress: string, hostPort: number, protocol: PortProtocol = 'tcp'): PortBinding => ({
  protocol,
  containerPort: 80,
  hostAddress,
  hostPort,
});

const brief = (bindings: readonly PortBinding[]) =>
  bindings.map(({ hostAddress, hostPort }) => `${hostAddress}:${hostPort}`);

const allocate = (requests: readonly RequestedPort[], more: Partial<BindingContext> = {}) =>
  brief(allocateBindings(requests, context(more)).bindings);

describe('where', () => {
  test.each<[string, Partial<RequestedPort>, Partial<BindingContext>, string[]]>([
    ['all addresses of both versions', {}, {}, ['0.0.0.0:80', ':::80']],
    ['those of IPv4, where IPv6 does not reach the container', {}, { ipv6: false }, ['0.0.0.0:80']],
    ['those of IPv6, where IPv4 does not', {}, { ipv4: false }, [':::80']],
    ['one address', { hostAddress: '127.0.0.1' }, {}, ['127.0.0.1:80']],
    ['one IPv6 address', { hostAddress: '::1' }, {}, ['::1:80']],
    ['all of IPv4 only', { hostAddress: '0.0.0.0' }, {}, ['0.0.0.0:80']],
    ['all of IPv6 only', { hostAddress: '::' }, {}, [':::80']],
    ['nowhere', { hostAddress: '::1' }, { ipv6: false }, []],
    ['the network’s own choice', {}, { hostBinding: '192.0.2.1' }, ['192.0.2.1:80']],
    [
      'the request’s rather than the network’s',
      { hostAddress: '127.0.0.1' },
      { hostBinding: '192.0.2.1' },
      ['127.0.0.1:80'],
    ],
  ])('%s', (_, request, more, expected) => {
    expect(allocate([{ ...ask(80), ...request }], more)).toEqual(expected);
  });
});

describe('ephemeral ports', () => {
  test('begin with the range, and are the same for both versions', () => {
    expect(allocate([ask(), ask()])).toEqual(['0.0.0.0:32768', ':::32768', '0.0.0.0:32769', ':::32769']);
  });

  test('go on behind the last one, though it was released', () => {
    const first = allocateBindings([ask()], context());
    expect(allocate([ask()], { cursor: first.cursor })).toEqual(['0.0.0.0:32769', ':::32769']);
  });

  test('of IPv4 alone and of both versions are counted together', () => {
    const first = allocateBindings([ask()], context());
    const second = allocateBindings([ask(0, 0, '0.0.0.0')], context({ cursor: first.cursor }));
    expect(brief(second.bindings)).toEqual(['0.0.0.0:32769']);
    expect(allocate([ask()], { cursor: second.cursor })).toEqual(['0.0.0.0:32770', ':::32770']);
  });

  test('begin again after the last of the range', () => {
    const ephemeral = { from: 40_000, to: 40_002 };
    const { cursor } = allocateBindings([ask(), ask(), ask()], context({ ephemeral }));
    expect(allocate([ask()], { ephemeral, cursor, inUse: [bound('0.0.0.0', 40_000)] })).toEqual([
      '0.0.0.0:40001',
      ':::40001',
    ]);
  });

  test('are counted for each protocol', () => {
    const { bindings } = allocateBindings([ask(), ask(0, 0, '', 'udp')], context({ ipv6: false }));
    expect(bindings.map(({ protocol, hostPort }) => `${hostPort}/${protocol}`)).toEqual(['32768/tcp', '32768/udp']);
  });

  test('are none that is bound for either version', () => {
    const inUse = [bound('0.0.0.0', 32_768), bound('::1', 32_769), bound('0.0.0.0', 32_770, 'udp')];
    expect(allocate([ask()], { inUse })).toEqual(['0.0.0.0:32770', ':::32770']);
  });

  test('of a range of one’s own', () => {
    expect(allocate([ask(8000, 8001), ask(8000, 8001)], { ipv6: false })).toEqual(['0.0.0.0:8000', '0.0.0.0:8001']);
    expect(() => allocate([ask(8000, 8001), ask(8000, 8001), ask(8000, 8001)])).toThrow(
      `driver failed programming external connectivity on endpoint web (${'e'.repeat(64)}): all ports are allocated (8000-8001/tcp)`,
    );
  });
});

describe('on a routed network', () => {
  test('a port opens, and none of the host’s is taken', () => {
    expect(allocate([ask(80, 80, '127.0.0.1'), ask(80)], { routed: [4, 6], inUse: [bound('0.0.0.0', 80)] })).toEqual([
      '0.0.0.0:0',
      '0.0.0.0:0',
      ':::0',
    ]);
  });

  test('of one version, the other is published', () => {
    expect(allocate([ask(80)], { routed: [6] })).toEqual(['0.0.0.0:80', ':::0']);
    expect(allocate([ask()], { routed: [4] })).toEqual(['0.0.0.0:0', ':::32768']);
  });
});

describe('conflicts', () => {
  test.each([
    ['all', '', bound('0.0.0.0', 80), '0.0.0.0:80'],
    ['all, with one address', '', bound('127.0.0.1', 80), '0.0.0.0:80'],
    ['all, with one IPv6 address', '', bound('::1', 80), ':::80'],
    ['one address, with all', '127.0.0.1', bound('0.0.0.0', 80), '127.0.0.1:80'],
    ['one address, with itself', '127.0.0.1', bound('127.0.0.1', 80), '127.0.0.1:80'],
  ])('%s', (_, hostAddress, other, named) => {
    const message =
      `driver failed programming external connectivity on endpoint web (${'e'.repeat(64)}): ` +
      `Bind for ${named} failed: port is already allocated`;
    const act = () => allocate([ask(80, 80, hostAddress)], { inUse: [other] });
    expect(act).toThrow(expect.objectContaining({ code: 'internal', message }));
  });

  test('within one request', () => {
    expect(() => allocate([ask(82), ask(82)])).toThrow('Bind for 0.0.0.0:82 failed: port is already allocated');
  });

  test.each([
    ['another address', '127.0.0.1', bound('127.0.0.2', 80)],
    ['the other version', '0.0.0.0', bound('::', 80)],
    ['another protocol', '0.0.0.0', bound('0.0.0.0', 80, 'udp')],
    ['another port', '0.0.0.0', bound('0.0.0.0', 81)],
  ])('none with %s', (_, hostAddress, other) => {
    expect(allocate([ask(80, 80, hostAddress)], { inUse: [other] })).toEqual([`${hostAddress}:80`]);
  });
});

test('nothing is given twice, whatever is bound and released', () => {
  const address = fc.constantFrom('', '0.0.0.0', '::', '127.0.0.1', '::1');
  const request = fc
    .tuple(fc.constantFrom([0, 0], [5, 5], [3, 6]), address, fc.constantFrom<PortProtocol>('tcp', 'udp'))
    .map(([[from, to], hostAddress, protocol]) => ask(from, to, hostAddress, protocol));
  fc.assert(
    fc.property(fc.array(fc.oneof(request, fc.nat(20)), { maxLength: 60 }), (acts) => {
      const held: (readonly PortBinding[])[] = [];
      let cursor = {};
      for (const act of acts) {
        if (typeof act === 'number') {
          held.splice(act, 1);
          continue;
        }
        try {
          const made = allocateBindings([act], context({ inUse: held.flat(), cursor, ephemeral: { from: 1, to: 8 } }));
          cursor = made.cursor;
          held.push(made.bindings);
        } catch (error) {
          expect(String(error)).toMatch(/port is already allocated|all ports are allocated/);
        }
      }
      const sockets = held.flat().map(({ hostAddress, hostPort, protocol }) => {
        const version = hostAddress.includes(':') ? 6 : 4;
        const all = ['0.0.0.0', '::'].includes(hostAddress);
        return { place: `${protocol}/${hostPort}/v${version}`, hostAddress, all };
      });
      for (const [index, socket] of sockets.entries()) {
        const rivals = sockets.slice(index + 1).filter(({ place }) => place === socket.place);
        expect(rivals.some((rival) => rival.all || socket.all || rival.hostAddress === socket.hostAddress)).toBe(false);
      }
    }),
  );
});
