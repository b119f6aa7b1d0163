import { expect, test } from 'vitest';
import { printAddress } from '../../address/address.ts';
import { printPrefix } from '../../address/prefix.ts';
import { BACKENDS, World } from '../../engine/world.fixture.ts';
import type { Listener, LinuxNamespace } from '../linux.ts';
import { printRule } from '../../firewall/print.ts';
import { linuxFromTexts } from '../texts.ts';
import { printNamespace } from './texts.ts';

/** As values that compare: rules as they are printed, routes and addresses whatever their order. */
const comparable = ({ routes, addresses, unknown, iptables, ...rest }: LinuxNamespace) => ({
  ...rest,
  unknown: [...unknown],
  routes: routes.toSorted(by(({ table, type, link, to }) => `${table} ${type} ${link} ${printPrefix(to)}`)),
  addresses: addresses.toSorted(by(({ link, address }) => `${link} ${printAddress(address)}`)),
  iptables: iptables.map(({ chains, ...table }) => ({
    ...table,
    chains: [...chains.values()].map(({ rules, ...chain }) => ({
      ...chain,
      rules: rules.map(({ rule }) => printRule(rule)),
    })),
  })),
});

const by =
  <T>(key: (value: T) => string) =>
  (a: T, b: T): number =>
    key(a) < key(b) ? -1 : 1;

test.each(BACKENDS)('what is printed of a model is read as the same model (%s)', async (backend) => {
  const world = await World.start((its) => its.useBackend(backend));
  world.kernel.plug('eth7');
  world.kernel.add(
    { kind: 'address', namespace: 'host', link: 'eth7', address: '198.51.100.1/24', broadcast: '198.51.100.255' },
    { kind: 'route', namespace: 'host', family: 'ip', to: 'default', via: '198.51.100.2', link: 'eth7' },
  );
  await world.network('net', { subnet: 'fd00:7::/64', enableIPv6: true });
  await world.run('one', { network: 'net', ports: ['8080:80', '53:53/udp'] });
  await world.run('two');
  const [first = ''] = [...(await world.records()).sandbox.values()].map(({ id }) => id);
  const listeners = new Map<string, readonly Listener[]>([
    ['host', [{ protocol: 'tcp', version: 'both', port: 22, process: 'sshd' }]],
    [first, [{ protocol: 'udp', version: 4, port: 53 }]],
  ]);
  const linux = world.kernel.linux(listeners);
  const texts = new Map([...linux.namespaces.keys()].map((name) => [name, printNamespace(linux, name)]));
  const read = linuxFromTexts(texts);
  expect(read.problems).toEqual([]);
  expect([...linux.namespaces.keys()]).toHaveLength(3);
  for (const [name, namespace] of linux.namespaces) {
    const its = read.linux.namespaces.get(name)!;
    expect(comparable(its)).toEqual(comparable(namespace));
  }
  expect(printNamespace(linux, 'nowhere')).toEqual({});
});
