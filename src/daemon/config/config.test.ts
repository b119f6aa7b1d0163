import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig, type GivenFlags } from './config.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'f-config-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

const path = (): string => join(folder, 'daemon.json');

function load(file: unknown, flags: GivenFlags = {}) {
  writeFileSync(path(), typeof file === 'string' ? file : JSON.stringify(file));
  return loadConfig(flags, path());
}

test('nothing given: the defaults, and no file is needed', async () => {
  expect(await loadConfig({})).toMatchObject({
    hosts: ['unix:///run/passerelle/passerelle.sock'],
    dataRoot: '/var/lib/passerelle',
    logLevel: 'info',
    userlandProxy: true,
    mtu: 1500,
    addressPools: [],
  });
});

test('an empty file is as good as none, one that was asked for must be there', async () => {
  expect(await load('')).toEqual(await loadConfig({}));
  await expect(loadConfig({}, join(folder, 'none.json'))).rejects.toThrow('ENOENT');
});

test('the command line and the file say the same', async () => {
  const flags = {
    host: ['unix:///a.sock', 'tcp://127.0.0.1:2375'],
    'default-address-pool': ['base=172.30.0.0/16,size=24', 'base=fd00::/48,size=64'],
    'default-network-opt': ['bridge=a=b=c', 'bridge=d=e'],
    iptables: ['false'],
    mtu: ['1400'],
    dns: ['1.1.1.1'],
    'dns-opt': ['ndots:1'],
    'log-level': ['debug'],
  };
  const file = {
    hosts: ['unix:///a.sock', 'tcp://127.0.0.1:2375'],
    'default-address-pools': [
      { base: '172.30.0.0/16', size: 24 },
      { base: 'fd00::/48', size: 64 },
    ],
    'default-network-opts': { bridge: { a: 'b=c', d: 'e' } },
    iptables: false,
    mtu: 1400,
    dns: ['1.1.1.1'],
    'dns-opts': ['ndots:1'],
    'log-level': 'debug',
  };
  const config = await load({}, flags);
  expect(config).toEqual(await load(file));
  expect(config).toMatchObject({ iptables: false, mtu: 1400, networkOptions: { bridge: { a: 'b=c', d: 'e' } } });
});

test.each([
  [
    { 'no-sense': false, nonsense: 1 },
    "the following directives don't match any configuration option: no-sense, nonsense",
  ],
  [{ mtu: '1400' }, 'mtu: expected a whole number from 68 to 65535, not 1400'],
  [{ mtu: 1 }, 'mtu: expected a whole number from 68 to 65535, not 1'],
  [{ bip: 'x' }, 'bip: expected an IP address with prefix length, as in 192.168.1.5/24, not x'],
  [{ bridge: '-j' }, 'bridge: expected the name of a bridge, or none, not -j'],
  [{ 'bridge-accept-fwmark': 'x' }, 'bridge-accept-fwmark: expected a mark, or mark/mask, as in 0x1/0xff, not x'],
  [{ iptables: 'yes' }, 'iptables: expected true or false, not yes'],
  [{ dns: ['name'] }, 'dns: expected an IP address, not ["name"]'],
  [{ dns: '1.1.1.1' }, 'dns: expected a list of IP addresses, not 1.1.1.1'],
  [{ hosts: [] }, 'hosts: expected a list of unix:///path or tcp://127.0.0.1:PORT (loopback only), not []'],
  [{ 'default-address-pools': [{ base: '1.2.3.4/16', size: 8 }] }, 'default-address-pools: expected a list of pools'],
  [{ 'data-root': 'relative' }, 'data-root: expected an absolute path, not relative'],
  [{ 'log-format': 'xml' }, 'log-format: expected text or json, not xml'],
  ['{"mtu":', 'invalid JSON'],
  ['[]', 'expected a JSON object'],
])('the file %j is refused', async (file, message) => {
  const refusal = load(file);
  await expect(refusal).rejects.toThrow(`unable to configure the Docker daemon with file ${path()}: `);
  await expect(refusal).rejects.toThrow(message);
});

test.each([
  [{ mtu: ['big'] }, '--mtu: expected a whole number from 68 to 65535, not big'],
  [{ 'userland-proxy': ['maybe'] }, '--userland-proxy: expected true or false, not maybe'],
  [{ 'default-address-pool': ['172.30.0.0/16'] }, '--default-address-pool: expected a list of pools'],
  [{ 'default-network-opt': ['bridge=x'] }, '--default-network-opt: expected for each network driver'],
  [{ host: ['tcp://0.0.0.0:1'] }, '--host: expected a list of unix:///path or tcp://127.0.0.1:PORT'],
])('the flags %j are refused', async (flags, message) => {
  await expect(load({}, flags)).rejects.toThrow(message);
});

test('what is given twice is refused', async () => {
  await expect(load({ 'log-level': 'info', mtu: 1400 }, { 'log-level': ['debug'], dns: ['1.1.1.1'] })).rejects.toThrow(
    'the following directives are specified both as a flag and in the configuration file: ' +
      'log-level: (from flag: debug, from file: info)',
  );
});

test.each([
  [
    { bridge: 'br0', bip: '10.0.0.1/8' },
    'You specified -b & --bip, mutually exclusive options. Please specify only one',
  ],
  [{ iptables: false, icc: false }, 'You specified --iptables=false with --icc=false.'],
])('%j contradicts itself', (file, message) => expect(load(file)).rejects.toThrow(message));
