import { BlockList } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressOf, addressValue, parseAddress, printAddress, type Version } from './address.ts';
import {
  broadcastAddress,
  containsAddress,
  containsPrefix,
  hostAddress,
  indexOf,
  isSizeOnly,
  lastAddress,
  nthAddress,
  nthPrefix,
  overlaps,
  parseCidr,
  parsePrefix,
  prefixCount,
  prefixOf,
  prefixSize,
  printPrefix,
} from './prefix.ts';

const prefix = (text: string) => parsePrefix(text)!;
const address = (text: string) => parseAddress(text)!;

const anyPrefix = fc.constantFrom<Version>(4, 6).chain((version) => {
  const bits = version === 4 ? 32 : 128;
  return fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }), fc.integer({ min: 0, max: bits }))
    .map(([value, length]) => prefixOf(addressOf(version, value)!, length));
});

describe('text', () => {
  test.each([
    ['10.1.2.3/8', '10.1.2.3', '10.0.0.0/8'],
    ['172.18.0.2/16', '172.18.0.2', '172.18.0.0/16'],
    ['1.2.3.4/32', '1.2.3.4', '1.2.3.4/32'],
    ['1.2.3.4/0', '1.2.3.4', '0.0.0.0/0'],
    ['FD00::1/64', 'fd00::1', 'fd00::/64'],
    ['2001:db8::ffff/127', '2001:db8::ffff', '2001:db8::fffe/127'],
  ])('%s is %s in %s', (text, host, network) => {
    const cidr = parseCidr(text)!;
    expect([printAddress(cidr.address), printPrefix(cidr.prefix)]).toEqual([host, network]);
  });

  test.each([
    '',
    '/',
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/08',
    '10.0.0.0/+8',
    '10.0.0.0/8/8',
    '010.0.0.0/8',
    '/8',
  ])('"%s" is no prefix', (text) => expect(parseCidr(text)).toBeUndefined());

  test('a prefix has no host bits', () => {
    expect(parsePrefix('10.0.0.1/24')).toBeUndefined();
    expect(parsePrefix('fd00::1/64')).toBeUndefined();
  });

  test('what is printed is read as the same prefix', () => {
    fc.assert(
      fc.property(anyPrefix, (block) => {
        expect(parsePrefix(printPrefix(block))).toEqual(block);
      }),
    );
  });

  test('the host part of an interface address', () => expect(hostAddress('172.18.0.2/16')).toBe('172.18.0.2'));
});

describe('containment', () => {
  test.each([
    ['172.16.0.0/12', '172.31.255.255', true],
    ['172.16.0.0/12', '172.32.0.0', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['0.0.0.0/0', '::', false],
    ['::/0', '1.2.3.4', false],
    ['10.0.0.1/32', '10.0.0.1', true],
    ['10.0.0.1/32', '10.0.0.0', false],
    ['fd00:1:2:3::/64', 'fd00:1:2:3:ffff::1', true],
    ['fd00:1:2:3::/64', 'fd00:1:2:4::', false],
  ])('%s with %s: %s', (block, host, inside) => {
    expect(containsAddress(prefix(block), address(host))).toBe(inside);
  });

  test.each([
    ['10.0.0.0/8', '10.1.0.0/16', true],
    ['10.1.0.0/16', '10.0.0.0/8', true],
    ['10.0.0.0/9', '10.128.0.0/9', false],
    ['10.0.0.0/8', 'a00::/8', false],
  ])('%s overlaps %s: %s', (a, b, expected) => {
    expect(overlaps(prefix(a), prefix(b))).toBe(expected);
  });

  test('as the platform sees it', () => {
    fc.assert(
      fc.property(anyPrefix, fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), fc.boolean(), (block, random, near) => {
        const { version } = block.address;
        const size = near ? prefixSize(block) : 2n ** (version === 4 ? 32n : 128n);
        const host = addressOf(version, near ? addressValue(block.address) + (random % size) : random % size)!;
        const family = version === 4 ? 'ipv4' : 'ipv6';
        const list = new BlockList();
        list.addSubnet(printAddress(block.address), block.length, family);
        expect(containsAddress(block, host)).toBe(list.check(printAddress(host), family));
      }),
    );
  });

  test('two prefixes overlap if one contains the other', () => {
    fc.assert(
      fc.property(anyPrefix, anyPrefix, (a, b) => {
        expect(overlaps(a, b)).toBe(containsPrefix(a, b) || containsPrefix(b, a));
      }),
    );
  });
});

describe('members', () => {
  test.each([
    ['172.18.0.0/16', '172.18.255.255', '172.18.255.255', 65_536n],
    ['10.0.0.0/30', '10.0.0.3', '10.0.0.3', 4n],
    // A link of two hosts has no broadcast address, one address even less; IPv6 never has one.
    ['10.0.0.0/31', '10.0.0.1', undefined, 2n],
    ['10.0.0.0/32', '10.0.0.0', undefined, 1n],
    ['fd00::/126', 'fd00::3', undefined, 4n],
  ])('%s ends with %s, broadcast %s, of %s', (text, last, broadcast, size) => {
    const block = prefix(text);
    expect(printAddress(lastAddress(block))).toBe(last);
    const found = broadcastAddress(block);
    expect(found && printAddress(found)).toBe(broadcast);
    expect(prefixSize(block)).toBe(size);
  });

  test('the n-th address has the number n', () => {
    fc.assert(
      fc.property(anyPrefix, fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (block, random) => {
        const index = random % prefixSize(block);
        const member = nthAddress(block, index)!;
        expect(indexOf(block, member)).toBe(index);
        expect(containsAddress(block, member)).toBe(true);
      }),
    );
    expect(nthAddress(prefix('10.0.0.0/30'), 4n)).toBeUndefined();
    expect(nthAddress(prefix('10.0.0.0/30'), -1n)).toBeUndefined();
  });

  test('the n-th block of a length', () => {
    expect(printPrefix(nthPrefix(prefix('172.20.0.0/14'), 16, 3n)!)).toBe('172.23.0.0/16');
    expect(printPrefix(nthPrefix(prefix('192.168.0.0/16'), 20, 15n)!)).toBe('192.168.240.0/20');
    expect(printPrefix(nthPrefix(prefix('fd00::/48'), 64, 65_535n)!)).toBe('fd00:0:0:ffff::/64');
    expect(nthPrefix(prefix('172.20.0.0/14'), 16, 4n)).toBeUndefined();
    expect(prefixCount(prefix('10.0.0.0/24'), 16)).toBe(0n);
  });

  test('a block of which only the size was said', () => {
    expect(isSizeOnly(prefix('0.0.0.0/24'))).toBe(true);
    expect(isSizeOnly(prefix('::/96'))).toBe(true);
    expect(isSizeOnly(prefix('0.0.0.0/0'))).toBe(false);
    expect(isSizeOnly(prefix('10.0.0.0/24'))).toBe(false);
  });
});
