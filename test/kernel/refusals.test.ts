/** What Docker refuses on networks: each with its status and its words, and nothing has changed. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from '../../scripts/stage.ts';
import { withNamespace } from '../../src/linux/namespace.ts';
import { closeSocket, openTcpListener, openUdp } from '../../src/linux/socket.ts';
import { Api } from '../support/api.ts';
import { loadBusybox } from '../support/images.ts';

let stage: Stage;
let api: Api;
let held: readonly number[] = [];
const IMAGE = 'busybox:1.36';
const ID = '[0-9a-f]{64}';

beforeAll(async () => {
  stage = await Stage.set('passerelle-refusals');
  await stage.startDaemon();
  await loadBusybox(stage);
  api = new Api(stage.socket);
  await stage.docker('network', 'create', 'net');
  await stage.docker('network', 'create', '--subnet', '10.60.0.0/24', '--subnet', 'fd00:60::/64', '--ipv6', 'sub');
  await stage.docker('network', 'create', '-o', 'com.docker.network.bridge.name=taken0', 'named');
  const run = (name: string, ...options: string[]): Promise<string> =>
    stage.docker('run', '-d', '--name', name, ...options, IMAGE, 'sleep', '1000');
  await run('one', '--network', 'sub', '--ip', '10.60.0.10', '-p', '8080:80');
  await run('two', '--network', 'net');
  await run('plain');
  await run('hosted', '--network', 'host');
  await run('lonely', '--network', 'none');
  // What another program of the host holds.
  held = withNamespace(`/run/netns/${stage.host}`, () => [openTcpListener('0.0.0.0', 8300), openUdp('0.0.0.0', 8301)]);
});

afterAll(async () => {
  for (const fd of held) closeSocket(fd);
  api?.close();
  await stage?.close();
});

const rules = async (): Promise<string[]> =>
  (await stage.onHost('iptables-save', [])).stdout.split('\n').filter((line) => line.startsWith('-A'));

const create = (more: object): [string, string, object] => ['POST', '/networks/create', { Name: 'new', ...more }];
const pool = (...Config: object[]): [string, string, object] => create({ IPAM: { Driver: 'default', Config } });
const option = (name: string, value: string): [string, string, object] => create({ Options: { [name]: value } });
const connect = (network: string, Container: string, IPAMConfig?: object): [string, string, object] => [
  'POST',
  `/networks/${network}/connect`,
  { Container, ...(IPAMConfig && { EndpointConfig: { IPAMConfig } }) },
];
const BRIDGE = 'com.docker.network.bridge';

test.each<[number, string, [method: string, path: string, body?: object]]>([
  [409, 'network with name net already exists', create({ Name: 'net' })],
  ...['bridge', 'host', 'none', 'default'].map((name): [number, string, [string, string, object]] => [
    403,
    `operation is not permitted on predefined ${name} network `,
    create({ Name: name }),
  ]),
  [403, 'bridge is a pre-defined network and cannot be removed', ['DELETE', '/networks/bridge']],
  [403, `error while removing network: network net id ${ID} has active endpoints`, ['DELETE', '/networks/net']],
  [404, 'network nosuch not found', ['GET', '/networks/nosuch']],
  [404, 'network nosuch not found', ['DELETE', '/networks/nosuch']],
  [404, 'network nosuch not found', connect('nosuch', 'one')],
  [404, 'No such container: nosuch', connect('net', 'nosuch')],
  [404, 'plugin "nosuch" not found', create({ Driver: 'nosuch' })],
  [403, 'only one instance of "host" network is allowed', create({ Driver: 'host' })],
  [403, 'Pool overlaps with other one on this address space', pool({ Subnet: '10.60.0.0/25' })],
  [403, "bridge driver doesn't support multiple subnets", pool({ Subnet: '10.61.0.0/24' }, { Subnet: '10.62.0.0/24' })],
  [
    400,
    'could not find an available, non-overlapping IPv4 address pool among the defaults.*',
    pool({ Subnet: '0.0.0.0/8' }),
  ],
  [
    400,
    'invalid network config:\ninvalid subnet 10.1.1.0/16: it should be 10.1.0.0/16',
    pool({ Subnet: '10.1.1.0/16' }),
  ],
  [
    400,
    "invalid network config:\ninvalid gateway 10.2.0.1: parent subnet 10.1.0.0/16 doesn't contain this address",
    pool({ Subnet: '10.1.0.0/16', Gateway: '10.2.0.1' }),
  ],
  [
    400,
    'invalid network config:\ninvalid ip-range 10.0.0.0/8: CIDR block is bigger than its parent subnet 10.1.0.0/16',
    pool({ Subnet: '10.1.0.0/16', IPRange: '10.0.0.0/8' }),
  ],
  [
    400,
    "invalid network config:\n\\* invalid gateway x: invalid address\n\\* invalid auxiliary address a: parent subnet 10.1.0.0/16 doesn't contain this address",
    pool({ Subnet: '10.1.0.0/16', Gateway: 'x', AuxiliaryAddresses: { a: '10.2.0.1' } }),
  ],
  [400, `failed to parse ${BRIDGE}.enable_icc value: maybe .*`, option(`${BRIDGE}.enable_icc`, 'maybe')],
  [400, 'failed to parse com.docker.network.driver.mtu value: x .*', option('com.docker.network.driver.mtu', 'x')],
  [
    403,
    `cannot create network ${ID} \\(taken0\\): conflicts with network ${ID} \\(taken0\\): networks have same bridge name`,
    option(`${BRIDGE}.name`, 'taken0'),
  ],
  [
    400,
    'invalid endpoint settings:\nuser-specified IP address is supported on user-defined networks only',
    connect('bridge', 'two', { IPv4Address: '172.17.0.9' }),
  ],
  [
    400,
    'invalid endpoint settings:\nno configured subnet contains IP address 10.99.0.9',
    connect('sub', 'two', { IPv4Address: '10.99.0.9' }),
  ],
  [
    400,
    'invalid endpoint settings:\nuser specified IP address is supported only when connecting to networks with user configured subnets',
    connect('net', 'one', { IPv4Address: '172.18.0.99' }),
  ],
  [403, 'Address already in use', connect('sub', 'two', { IPv4Address: '10.60.0.10' })],
  [403, 'Address already in use', connect('sub', 'two', { IPv4Address: '10.60.0.1' })],
  [403, 'endpoint with name one already exists in network sub', connect('sub', 'one')],
  [500, `container ${ID} is not connected to network sub`, ['POST', '/networks/sub/disconnect', { Container: 'two' }]],
  [404, 'endpoint nosuch not found', ['POST', '/networks/sub/disconnect', { Container: 'nosuch', Force: true }]],
  [400, 'container cannot be disconnected from host network or connected to host network', connect('host', 'two')],
  [
    400,
    'container sharing network namespace with another container or host cannot be connected to any other network',
    connect('net', 'hosted'),
  ],
  [
    400,
    'container cannot be connected to multiple networks with one of the networks in private \\(none\\) mode',
    connect('net', 'lonely'),
  ],
  [
    400,
    'container cannot be connected to multiple networks with one of the networks in private \\(none\\) mode',
    connect('none', 'two'),
  ],
  [
    400,
    'conflicting options: port publishing and the container type network mode',
    [
      'POST',
      '/containers/create?name=new',
      { Image: IMAGE, HostConfig: { NetworkMode: 'container:one', PortBindings: { '80/tcp': [{ HostPort: '80' }] } } },
    ],
  ],
  [400, "invalid filter 'x'", ['GET', `/networks?filters=${encodeURIComponent('{"x":["y"]}')}`]],
])('%i %s', async (status, text, [method, path, body]) => {
  const state = async (): Promise<readonly unknown[]> => [
    await api.get('/networks'),
    (await api.get<{ Id: string }[]>('/containers/json?all=1')).map(({ Id }) => Id),
    await rules(),
  ];
  const before = await state();
  const answer = await api.call(method, path, body);
  const { message } = answer.body as { message: string };
  expect([answer.status, message]).toEqual([status, expect.stringMatching(new RegExp(`^${text}$`, 's'))]);
  expect(await state()).toEqual(before);
});

test('400 an id that begins several', async () => {
  const ids = await Promise.all(
    Array.from({ length: 14 }, async (_, count) =>
      stage.docker('network', 'create', '--subnet', `10.70.${count}.0/24`, `n${count}`),
    ),
  );
  const all = [...ids, ...(await stage.docker('network', 'ls', '-q', '--no-trunc')).split('\n')];
  const digit = '0123456789abcdef'
    .split('')
    .find((first) => new Set(all.filter((id) => id.startsWith(first))).size > 1)!;
  const count = new Set(all.filter((id) => id.startsWith(digit))).size;
  const { status, body } = await api.call('GET', `/networks/${digit}`);
  expect([status, body]).toEqual([
    400,
    { message: `network ${digit} is ambiguous (${count} matches found based on ID prefix)` },
  ]);
});

test.each([
  ['8080:80', 'Bind for 0.0.0.0:8080 failed: port is already allocated'],
  ['127.0.0.1:8080:80', 'Bind for 127.0.0.1:8080 failed: port is already allocated'],
  ['8300:80', 'failed to bind host port 0.0.0.0:8300/tcp: address already in use'],
  ['8301:80/udp', 'failed to bind host port 0.0.0.0:8301/udp: address already in use'],
  ['203.0.113.9:8302:80', 'failed to bind host port 203.0.113.9:8302/tcp: cannot assign requested address'],
])('500 port %s', async (port, why) => {
  const id = await stage.docker('create', '--name', 'clash', '-p', port, IMAGE, 'sleep', '100');
  const before = await rules();
  const { status, body } = await api.call('POST', `/containers/${id}/start`);
  expect(status).toBe(500);
  expect((body as { message: string }).message).toMatch(
    new RegExp(`^driver failed programming external connectivity on endpoint clash \\(${ID}\\): ${why}$`),
  );
  expect(await rules()).toEqual(before);
  await stage.docker('rm', 'clash');
});
