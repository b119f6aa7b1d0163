import { expect, test } from 'vitest';
import { localMac, macFromIpv4, parseMac } from './mac.ts';

test.each([
  ['02:42:ac:12:00:02', '02:42:ac:12:00:02'],
  ['02:42:AC:12:00:02', '02:42:ac:12:00:02'],
  ['02-42-ac-12-00-02', '02:42:ac:12:00:02'],
  ['0242.ac12.0002', '02:42:ac:12:00:02'],
])('%s is %s', (text, mac) => expect(parseMac(text)).toBe(mac));

test.each([
  '',
  'zz',
  '02:42:ac:12:00',
  '02:42:ac:12:00:02:03',
  '02:42-ac:12:00:02',
  '2:42:ac:12:0:2',
  '0242ac120002',
  '02:42:ac:12:00:0g',
])('"%s" is no MAC', (text) => expect(parseMac(text)).toBeUndefined());

test('an endpoint bears its IPv4 address', () => {
  expect(macFromIpv4('172.18.0.2')).toBe('02:42:ac:12:00:02');
  expect(macFromIpv4('10.0.0.255')).toBe('02:42:0a:00:00:ff');
});

test('digits by chance, locally administered', () => expect(localMac('83FF201b')).toBe('02:42:83:ff:20:1b'));
