import { describe, expect, test } from 'vitest';
import { parseEndpointOptions } from './endpoint-options.ts';

const NAME = 'com.docker.network.endpoint.ifname';
const SYSCTLS = 'com.docker.network.endpoint.sysctls';

test('nothing said: the next name, and no settings', () => {
  expect(parseEndpointOptions({})).toEqual({ interfaceName: '', sysctls: [] });
});

test('the name of the link', () => expect(parseEndpointOptions({ [NAME]: 'web0' }).interfaceName).toBe('web0'));

test('settings name the link where IFNAME stands, in their order', () => {
  const { sysctls } = parseEndpointOptions({
    [SYSCTLS]: 'net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.neigh.ifname.gc_stale_time=30',
  });
  expect(sysctls.map(({ name, value }) => [name('eth0'), value])).toEqual([
    ['net/ipv4/conf/eth0/log_martians', '1'],
    ['net/ipv6/neigh/eth0/gc_stale_time', '30'],
  ]);
});

describe('refused', () => {
  test.each([
    [NAME, 'lo'],
    [NAME, '../x'],
    [NAME, 'sixteen-letters-'],
    [SYSCTLS, 'net.ipv4.ip_forward=1'],
    [SYSCTLS, 'kernel.core_pattern=|/x'],
    [SYSCTLS, 'net.ipv4.conf.all.forwarding=1'],
    [SYSCTLS, 'net.ipv4.conf.IFNAME.forwarding'],
    [SYSCTLS, 'net.ipv4.conf.IFNAME./../../x=1'],
  ])('%s=%s', (label, value) =>
    expect(() => parseEndpointOptions({ [label]: value })).toThrow(`failed to parse ${label} value: ${value}`),
  );
});
