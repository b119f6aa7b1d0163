/** New addresses are made known to a network's members, as often as its options say. */
import { expect, test } from 'vitest';
import { World } from './world.fixture.ts';

const COUNT = 'com.docker.network.advertise_addr_nmsgs';
const INTERVAL = 'com.docker.network.advertise_addr_ms';

test('a start and a connect are announced three times, a second apart', async () => {
  const world = await World.start();
  await world.network('net', { enableIPv6: true });
  await world.run('web');
  await world.pass(0);
  const [first] = world.kernel.announced;
  expect(first).toMatchObject({ link: 'eth0', addresses: ['172.17.0.2'] });
  expect(first!.port).toMatch(/^veth/);
  await world.engine.networks.connect('net', 'web', { linkLocalAddresses: ['169.254.8.8'] });
  await world.pass(999);
  expect(world.kernel.announced.map(({ link }) => link)).toEqual(['eth0', 'eth1']);
  await world.pass(5000);
  const of = (link: string) => world.kernel.announced.filter((its) => its.link === link);
  expect(of('eth0')).toEqual([first, first, first]);
  expect(of('eth1')).toHaveLength(3);
  expect(of('eth1')[0]!.addresses).toEqual(['172.18.0.2', expect.stringMatching(/^fd.*::2$/), '169.254.8.8']);
});

test('options say how often, or not at all', async () => {
  const world = await World.start();
  await world.network('twice', { options: { [COUNT]: '2', [INTERVAL]: '100' } });
  await world.network('never', { options: { [COUNT]: '0' } });
  await world.run('aa', { network: 'twice' });
  await world.run('bb', { network: 'never' });
  await world.pass(100);
  expect(world.kernel.announced).toHaveLength(2);
  await world.pass(5000);
  expect(world.kernel.announced).toHaveLength(2);
  await expect(world.network('wrong', { options: { [COUNT]: '4' } })).rejects.toThrow(
    `${COUNT} must be in the range 0 to 3`,
  );
});

test('a place that is gone is announced no more', async () => {
  const world = await World.start();
  await world.network('net');
  await world.run('web', { network: 'net' });
  await world.pass(0);
  await world.engine.networks.disconnect('net', 'web');
  await world.pass(5000);
  expect(world.kernel.announced).toHaveLength(1);
  expect(world.log).toEqual([]);
});
