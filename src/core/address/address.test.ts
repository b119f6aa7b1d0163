import { isIP, isIPv4 } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressOf,
  addressValue,
  compareAddresses,
  equalAddresses,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  nextAddress,
  offsetAddress,
  parseAddress,
  printAddress,
  unmapAddress,
} from './address.ts';

const canonical = (text: string) => {
  const address = parseAddress(text);
  return address && printAddress(address);
};

const anyAddress = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => addressOf(4, value)!),
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value) => addressOf(6, value)!),
  // Many zeros: where the shortening of IPv6 has its corners.
  fc.array(fc.constantFrom(0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 }).map((groups) =>
    addressOf(
      6,
      groups.reduce<bigint>((value, group) => value * 0x10000n + group, 0n),
    )!,
  ),
);

describe('text', () => {
  test.each([
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['172.18.0.2', '172.18.0.2'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['FD00:0:0::00A1', 'fd00::a1'],
    // The first longest run of zeros is shortened, and never a single group.
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    // IPv4-mapped addresses keep their IPv4 part readable, others with one do not.
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['::192.0.2.1', '::c000:201'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
  ])('%s is %s', (text, printed) => {
    expect(canonical(text)).toBe(printed);
  });

  const malformed = [
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '010.0.0.1',
    '1.2.3.04',
    '0x1.2.3.4',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1..2.3',
    '-1.2.3.4',
    '1.2.3.4/8',
    '１.2.3.4',
    '1.2.3.+4',
    '1e1.2.3.4',
    ':',
    ':::',
    '1:::2',
    '1::2::3',
    ':1',
    '1:',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '::1/64',
    '[::1]',
    '1.2.3.4::',
    '::1.2.3',
    '::1.2.3.4:5',
    '::01.2.3.4',
    '1:2:3:4:5:6:7:1.2.3.4',
  ];
  test.each(malformed)('"%s" is no address', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  test('what is printed is read as the same address, and is canonical', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        const text = printAddress(address);
        expect(parseAddress(text)).toEqual(address);
        expect(isIP(text)).toBe(address.version);
      }),
    );
  });

  test('IPv6 is printed as WHATWG URLs print it, but for mapped addresses', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        fc.pre(address.version === 6 && unmapAddress(address) === address);
        expect(new URL(`http://[${printAddress(address)}]`).hostname).toBe(`[${printAddress(address)}]`);
      }),
    );
  });

  test('nothing is an address that the platform does not take for one', () => {
    const pieces = fc.constantFrom(
      '0',
      '1',
      '00',
      '255',
      '256',
      'ff',
      'FFFF',
      '10000',
      '.',
      ':',
      '::',
      '1.2.3.4',
      ' ',
      '%',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        // Zones are the platform's, not ours.
        if (text.includes('%')) expect(parseAddress(text)).toBeUndefined();
        else expect(parseAddress(text)?.version ?? 0).toBe(isIP(text));
      }),
      { numRuns: 2000 },
    );
    expect(isIPv4('010.0.0.1')).toBe(false);
  });
});

describe('arithmetic', () => {
  test('values and addresses are two forms of one thing', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(addressOf(address.version, addressValue(address))).toEqual(address);
      }),
    );
  });

  test('offsets add up, and end at the last address', () => {
    fc.assert(
      fc.property(anyAddress, fc.bigInt({ min: -(2n ** 40n), max: 2n ** 40n }), (address, by) => {
        const moved = offsetAddress(address, by);
        const value = addressValue(address) + by;
        if (moved) expect(addressValue(moved)).toBe(value);
        else expect(value < 0n || value >= 2n ** (address.version === 4 ? 32n : 128n)).toBe(true);
      }),
    );
    expect(offsetAddress(parseAddress('255.255.255.255')!, 1n)).toBeUndefined();
    expect(offsetAddress(parseAddress('::')!, -1n)).toBeUndefined();
  });

  test('the next address is one further', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(nextAddress(address)).toEqual(offsetAddress(address, 1n));
      }),
    );
    expect(printAddress(nextAddress(parseAddress('fd00::ffff:ffff')!)!)).toBe('fd00::1:0:0');
    expect(nextAddress(parseAddress('255.255.255.255')!)).toBeUndefined();
  });

  test('the order is that of the values, IPv4 first', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (a, b) => {
        const order = Math.sign(compareAddresses(a, b));
        expect(order).toBe(-Math.sign(compareAddresses(b, a)) + 0);
        expect(order === 0).toBe(equalAddresses(a, b));
        if (a.version !== b.version) expect(order).toBe(a.version === 4 ? -1 : 1);
        else expect(order === -1).toBe(addressValue(a) < addressValue(b));
      }),
    );
  });
});

test.each([
  ['0.0.0.0', 'unspecified'],
  ['::', 'unspecified'],
  ['127.0.0.11', 'loopback'],
  ['::1', 'loopback'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['ff02::1', 'multicast'],
  ['169.254.1.1', 'link-local'],
  ['fe80::1', 'link-local'],
  ['febf::1', 'link-local'],
  ['fec0::1', 'none'],
  ['10.0.0.1', 'none'],
  ['0.0.0.1', 'none'],
  ['240.0.0.1', 'none'],
  ['::2', 'none'],
])('%s is %s', (text, kind) => {
  const address = parseAddress(text)!;
  const kinds = Object.entries({
    unspecified: isUnspecified(address),
    loopback: isLoopback(address),
    multicast: isMulticast(address),
    'link-local': isLinkLocal(address),
  });
  expect(kinds.filter(([, is]) => is).map(([name]) => name)).toEqual(kind === 'none' ? [] : [kind]);
});

test('a mapped address stands for an IPv4 address', () => {
  expect(printAddress(unmapAddress(parseAddress('::ffff:10.0.0.1')!))).toBe('10.0.0.1');
  expect(printAddress(unmapAddress(parseAddress('::fffe:a00:1')!))).toBe('::fffe:a00:1');
});
