import packet from 'dns-packet';
import { expect, test } from 'vitest';
import type { Names } from '../../core/engine/names.ts';
import { localAnswers } from './local.ts';
import { readQuery } from './message.ts';

const names: Names = {
  lookup: (sandbox, name) => {
    if (sandbox !== 'sandbox') return undefined;
    if (name.toLowerCase() === 'web.net') return { ipv4: ['172.18.0.2', '172.18.0.3'], ipv6: ['fd00::2'] };
    if (name === 'v4') return { ipv4: ['172.18.0.4'], ipv6: [] };
    return undefined;
  },
  reverse: (_, address) => ({ '172.18.0.2': 'web.net', 'fd00::2': 'web6.net' })[address],
  upstream: () => ({ servers: [] }),
};

function local(name: string, type: string, kind = 'IN', sandbox = 'sandbox'): string[] | undefined {
  const message = packet.encode({ questions: [{ name, type: type as packet.RecordType, class: kind as 'IN' }] });
  const read = readQuery(message);
  if (!read || !('query' in read)) throw new Error('not a query');
  return localAnswers(names, sandbox, read.query)
    ?.map(({ type, data }) => `${type}:${Buffer.from(data).toString(type === 12 ? 'latin1' : 'hex')}`)
    .sort();
}

const a2 = '1:ac120002';
const a3 = '1:ac120003';
const aaaa = '28:fd000000000000000000000000000002';

test.each([
  // A known name has its records of the type asked for, and none of others.
  ['web.net', 'A', [a2, a3]],
  ['WEB.Net', 'AAAA', [aaaa]],
  ['web.net', 'ANY', [a2, a3, aaaa]],
  ['web.net', 'TXT', []],
  ['v4', 'AAAA', []],
  // An unknown one is the outside's.
  ['other', 'A', undefined],
  ['.', 'NS', undefined],
  // Addresses lead back to names.
  ['2.0.18.172.in-addr.arpa', 'PTR', ['12:\u0003web\u0003net\0']],
  ['2.0.18.172.IN-ADDR.ARPA', 'PTR', ['12:\u0003web\u0003net\0']],
  [`2.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`, 'PTR', ['12:\u0004web6\u0003net\0']],
  ['9.0.18.172.in-addr.arpa', 'PTR', undefined],
  ['02.0.18.172.in-addr.arpa', 'PTR', undefined],
  ['18.172.in-addr.arpa', 'PTR', undefined],
  [`2.${'0.'.repeat(26)}0.0.d.f.ip6.arpa`, 'PTR', undefined],
  ['2.0.18.172.in-addr.arpa', 'A', undefined],
])('%s %s', (name, type, expected) => {
  expect(local(name, type)).toEqual(expected);
});

test('other classes and other sandboxes know nothing of it', () => {
  expect(local('web.net', 'A', 'CH')).toBeUndefined();
  expect(local('web.net', 'A', 'IN', 'other')).toBeUndefined();
});

test('every order of several addresses comes up', () => {
  const read = readQuery(packet.encode({ questions: [{ name: 'web.net', type: 'A' }] }));
  if (!read || !('query' in read)) throw new Error('not a query');
  const orders = new Set(
    Array.from({ length: 200 }, () =>
      localAnswers(names, 'sandbox', read.query)!
        .map(({ data }) => data[3])
        .join(),
    ),
  );
  expect(orders).toEqual(new Set(['2,3', '3,2']));
});
