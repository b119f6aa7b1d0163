import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../address/address.ts';
import { containsAddress, hostAddress, parsePrefix } from '../address/prefix.ts';
import type { NetworkRecord, Pool } from '../network/network.ts';
import { assignAddress, claimAddress, containerGateway, isReserved, lowestFree } from './assign.ts';

const network = (pools: readonly Pool[], more: Partial<NetworkRecord> = {}): NetworkRecord => ({
  id: 'f'.repeat(64),
  name: 'net',
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
  ipam: { driver: 'default', options: null, pools },
  sequence: 1,
  ...more,
});

const plain = network([
  { subnet: '172.18.0.0/16', gateway: '172.18.0.1' },
  { subnet: 'fd12::/64', gateway: 'fd12::1' },
]);

describe('the lowest free address', () => {
  test.each([
    ['the first after the gateway', [], '172.18.0.2/16'],
    ['the next', ['172.18.0.2/16'], '172.18.0.3/16'],
    ['one that was released, before any new one', ['172.18.0.3/16', '172.18.0.4/16'], '172.18.0.2/16'],
    ['whether addresses bear their length or not', ['172.18.0.2', 'fd12::2'], '172.18.0.3/16'],
  ])('is %s', (_, inUse, address) => {
    expect(assignAddress(plain, 4, inUse)).toBe(address);
  });

  test('is one of the version that is asked for', () => {
    expect(assignAddress(plain, 6, ['fd12::2/64'])).toBe('fd12::3/64');
    expect(assignAddress(network([]), 4, [])).toBe('');
  });

  test('is within the range, which the gateway was taken from', () => {
    const ranged = network([{ subnet: '10.50.1.0/24', ipRange: '10.50.1.192/30', gateway: '10.50.1.192' }]);
    expect(assignAddress(ranged, 4, [])).toBe('10.50.1.193/24');
    expect(assignAddress(ranged, 4, ['10.50.1.193/24', '10.50.1.194/24'])).toBe('10.50.1.195/24');
    expect(() => assignAddress(ranged, 4, ['10.50.1.193', '10.50.1.194', '10.50.1.195'])).toThrow(
      `no available IPv4 addresses on this network's address pools: net (${'f'.repeat(64)})`,
    );
  });

  test('is neither reserved nor an auxiliary one', () => {
    const small = network([
      { subnet: '10.0.0.0/29', gateway: '10.0.0.6', auxiliary: { a: '10.0.0.1', b: '10.0.0.3' } },
    ]);
    expect(assignAddress(small, 4, [])).toBe('10.0.0.2/29');
    expect(assignAddress(small, 4, ['10.0.0.2'])).toBe('10.0.0.4/29');
    expect(() => assignAddress(small, 4, ['10.0.0.2', '10.0.0.4', '10.0.0.5'])).toThrow('no available IPv4 addresses');
  });

  test('is found at once in a pool that nobody can walk', () => {
    const vast = network([{ subnet: 'fd00::/8', gateway: 'fd00::1' }]);
    expect(assignAddress(vast, 6, [])).toBe('fd00::2/8');
  });

  test('two and one make a subnet: nothing is reserved there', () => {
    expect(assignAddress(network([{ subnet: '10.0.0.0/31', gateway: '10.0.0.0' }]), 4, [])).toBe('10.0.0.1/31');
    expect(lowestFree({ subnet: '10.0.0.7/32' }, new Set())).toBe('10.0.0.7');
    expect(lowestFree({ subnet: 'fd00::/127' }, new Set())).toBe('fd00::');
  });

  test('is the last one of all there are', () => {
    expect(lowestFree({ subnet: '255.255.255.254/31' }, new Set(['255.255.255.254']))).toBe('255.255.255.255');
    expect(
      lowestFree({ subnet: '255.255.255.254/31' }, new Set(['255.255.255.254', '255.255.255.255'])),
    ).toBeUndefined();
  });
});

describe('a static address', () => {
  test.each([
    ['172.18.3.4', '172.18.3.4/16'],
    ['FD12::00AA', 'fd12::aa/64'],
  ])('%s is given as %s', (asked, given) => {
    expect(claimAddress(plain, asked, ['172.18.0.2/16'])).toBe(given);
  });

  test('may lie outside the range', () => {
    const ranged = network([{ subnet: '10.50.1.0/24', ipRange: '10.50.1.192/30', gateway: '10.50.1.192' }]);
    expect(claimAddress(ranged, '10.50.1.30', [])).toBe('10.50.1.30/24');
  });

  test.each([
    ['taken', '172.18.0.2'],
    ['the gateway', '172.18.0.1'],
    ['the network address', '172.18.0.0'],
    ['the broadcast address', '172.18.255.255'],
    ['taken, in other words', 'fd12:0::2'],
  ])('that is %s is refused', (_, asked) => {
    const claim = () => claimAddress(plain, asked, ['172.18.0.2/16', 'fd12::2/64']);
    expect(claim).toThrow(expect.objectContaining({ code: 'forbidden', message: 'Address already in use' }));
  });

  test('outside is refused', () => {
    expect(() => claimAddress(plain, '10.0.0.1', [])).toThrow(
      expect.objectContaining({ code: 'invalid', message: 'no configured subnet contains IP address 10.0.0.1' }),
    );
  });
});

test('the way out of a network', () => {
  const auxiliary = { DefaultGatewayIPv4: '10.0.0.9', other: '10.0.0.10' };
  const told = [{ subnet: '10.0.0.0/24', gateway: '10.0.0.1', auxiliary }];
  expect(containerGateway(plain, '172.18.0.2/16')).toBe('172.18.0.1');
  expect(containerGateway(plain, 'fd12::2/64')).toBe('fd12::1');
  expect(containerGateway(network(told), '10.0.0.2/24')).toBe('10.0.0.9');
  expect(containerGateway(network(told), '')).toBe('');
  expect(containerGateway(network(told, { internal: true }), '10.0.0.2/24')).toBe('');
});

test('given and taken back in any order, an address is free, allowed and the lowest', () => {
  const subnet = '10.9.8.0/28';
  const pool: Pool = { subnet, gateway: '10.9.8.1', auxiliary: { a: '10.9.8.5' } };
  const record = network([pool]);
  const block = parsePrefix(subnet)!;
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant('give'), fc.nat(15)), { maxLength: 60 }), (acts) => {
      const held: string[] = [];
      for (const act of acts) {
        if (typeof act === 'number') {
          held.splice(act % (held.length || 1), 1);
          continue;
        }
        if (held.length === 12) {
          expect(() => assignAddress(record, 4, held)).toThrow('no available IPv4 addresses');
          continue;
        }
        const given = hostAddress(assignAddress(record, 4, held));
        const address = parseAddress(given)!;
        expect(held).not.toContain(given);
        expect([pool.gateway, '10.9.8.5']).not.toContain(given);
        expect(containsAddress(block, address) && !isReserved(block, address)).toBe(true);
        held.push(given);
      }
    }),
  );
});
