import { describe, expect, test } from 'vitest';
import { World } from '../../engine/world.fixture.ts';
import { FORMAT, type Snapshot } from '../snapshot/snapshot.ts';
import { examine, isKnown } from './doctor.ts';
import { factsOf } from './facts.ts';
import { BRIDGE, DEFAULT_ROUTE, dockerHost, hostTexts, type HostChoice } from './host.fixture.ts';
import { printFindings } from './print.ts';

const examined = (choice: HostChoice): string[] =>
  examine(factsOf(dockerHost(choice))).map(
    ({ severity, check, what, first }) => `${severity} ${check}: ${what} | ${first}`,
  );

const insert = (rule: string, before: string) => (save: string) => save.replace(before, `${rule}\n${before}`);
const FORWARD = '[9:540] -A FORWARD -j DOCKER-USER';

const nftDrop = (policy: string, ...rules: object[]): object[] => [
  { table: { family: 'inet', name: 'guard', handle: 1 } },
  {
    chain: {
      family: 'inet',
      table: 'guard',
      name: 'fence',
      handle: 1,
      type: 'filter',
      hook: 'forward',
      prio: 10,
      policy,
    },
  },
  ...rules.map((expr, index) => ({
    rule: { family: 'inet', table: 'guard', chain: 'fence', handle: index + 2, expr },
  })),
];

test('a healthy host has nothing', () => {
  expect(examined({})).toEqual([]);
  // What listens for IPv6 alone takes nothing from what is published for IPv4.
  expect(examined({ sockets: ['tcp LISTEN 0 511 [::]:5000 [::]:* users:(("nginx",pid=1,fd=6))'] })).toEqual([]);
});

describe('what is broken is said, and nothing else', () => {
  test.each<[string, HostChoice, string, string]>([
    [
      'forwarding is off',
      { settings: { 'net/ipv4/ip_forward': '0' } },
      'error forwarding: The host does not forward packets',
      'sysctl -w net.ipv4.ip_forward=1',
    ],
    [
      'somebody drops in front of the engine',
      { iptables: insert('[12:720] -A FORWARD -i eth0 -j DROP', FORWARD) },
      'error forward-drops: A rule of an unknown owner drops forwarded packets',
      'iptables -t filter -D FORWARD 1',
    ],
    [
      'a rule that has met no packet yet is in the way',
      {
        iptables: insert(
          '[0:0] -A DOCKER-USER -i eth0 -p tcp -m tcp --dport 5000 -j DROP',
          '[9:540] -A DOCKER-USER -j RETURN',
        ),
      },
      'error published-ports: A new connection from outside to port 5000/tcp, which is published for tc-registry, does not get through: a rule of filter DOCKER-USER in host drops it',
      'iptables -t filter -D DOCKER-USER 1',
    ],
    [
      'the user drops in DOCKER-USER',
      { iptables: insert('[3:180] -A DOCKER-USER -i eth0 -j DROP', '[9:540] -A DOCKER-USER -j RETURN') },
      "error forward-drops: A rule of the user's own (DOCKER-USER) drops",
      'iptables -t filter -D DOCKER-USER 1',
    ],
    [
      'the rules of a bridge are lost under a dropping policy',
      { iptables: (save) => save.replaceAll(/^.* -A (FORWARD|DOCKER-ISOLATION-STAGE-\d|DOCKER -d) .*br-.*\n/gm, '') },
      'error forward-drops: The policy of FORWARD drops what no rule accepts, and no rule accepts anything of tc-infra-base_default.',
      'passerelle doctor --fix',
    ],
    [
      'a second base chain drops by its policy',
      { nft: nftDrop('drop') },
      'error second-base-chain: A second base chain decides on forwarded packets too, and drops: inet guard fence.',
      'nft insert rule inet guard fence ct status dnat accept',
    ],
    [
      'a second base chain refuses at its end',
      { nft: nftDrop('accept', [{ reject: { type: 'icmpx', expr: 'admin-prohibited' } }]) },
      'error second-base-chain: A second base chain',
      'nft insert rule inet guard fence ct status dnat accept',
    ],
    [
      'both machineries of iptables drop',
      { legacy: '*filter\n:FORWARD DROP [0:0]\nCOMMIT\n' },
      'error forward-drops: The policy of FORWARD drops',
      'passerelle doctor --fix',
    ],
    [
      'containers should not talk, and bridge netfilter is off',
      {
        settings: { 'net/bridge/bridge-nf-call-iptables': '0' },
        iptables: (save) => save.replace(`-i ${BRIDGE} -o ${BRIDGE} -j ACCEPT`, `-i ${BRIDGE} -o ${BRIDGE} -j DROP`),
      },
      'error bridge-netfilter: Containers of tc-infra-base_default should not talk to each other',
      'sysctl -w net.bridge.bridge-nf-call-iptables=1',
    ],
    [
      'a VPN routes the same addresses',
      { routes: [{ dst: '172.16.0.0/12', dev: 'tun0', flags: [] }] },
      'warning overlapping-routes: tc-infra-base_default (172.21.0.0/16) lies within what is reached over tun0',
      'docker network create --subnet',
    ],
    [
      'a part of the network is routed elsewhere',
      { routes: [{ dst: '172.21.0.0/24', dev: 'tun0', flags: [] }] },
      'error overlapping-routes: Part of tc-infra-base_default (172.21.0.0/16) is routed to tun0',
      'docker network create --subnet',
    ],
    [
      'another program has the published port',
      { sockets: ['tcp LISTEN 0 511 0.0.0.0:5000 0.0.0.0:* users:(("nginx",pid=1,fd=6))'] },
      'warning taken-ports: nginx listens on port 5000/tcp, which is published for tc-registry',
      "ss -lntup 'sport = :5000'",
    ],
    [
      'a rule is there twice',
      { iptables: insert('[0:0] -A DOCKER-USER -j RETURN', '[9:540] -A DOCKER-USER -j RETURN') },
      'warning stale-rules: The same rule stands 2 times in filter DOCKER-USER',
      'iptables -t filter -D DOCKER-USER 2',
    ],
    [
      'a bridge is gone and its rules are not',
      {
        iptables: insert(
          '[0:0] -A DOCKER-ISOLATION-STAGE-2 -o br-00000000dead -j DROP',
          '[0:0] -A DOCKER-ISOLATION-STAGE-2 -j RETURN',
        ),
      },
      'warning gone-bridges: One rule is about br-00000000dead, and there is no such bridge',
      'iptables -t filter -D DOCKER-ISOLATION-STAGE-2 2',
    ],
    [
      'two ways out, and a strict source check',
      {
        routes: [{ dst: 'default', gateway: '198.51.100.9', dev: 'eth1', metric: 200, flags: [] }],
        settings: { 'net/ipv4/conf/all/rp_filter': '1' },
      },
      'warning reverse-path: Answers leave by eth0, and the host takes packets on eth1 only if',
      'sysctl -w net.ipv4.conf.eth1.rp_filter=2',
    ],
    [
      'the way out is narrower than the bridge',
      { mtu: 1450 },
      'warning mtu: tc-infra-base_default takes packets of 1500 bytes, and the way out by eth0 only 1450',
      'docker network create -o com.docker.network.driver.mtu=1450',
    ],
    [
      'the table of connections is full',
      { settings: { 'net/netfilter/nf_conntrack_count': '65000' } },
      'error exhausted: The table of connections is full (65000 of 65536)',
      'sysctl -w net.netfilter.nf_conntrack_max=131072',
    ],
    [
      'ufw does not guard what is published',
      { iptables: (save) => save.replace(':DOCKER - [0:0]', ':DOCKER - [0:0]\n:ufw-user-input - [0:0]') },
      'note firewall-managers: ufw does not guard published ports',
      'iptables -I DOCKER-USER',
    ],
    [
      'firewalld runs beside',
      { nft: [{ table: { family: 'inet', name: 'firewalld', handle: 1 } }] },
      'note firewall-managers: firewalld runs beside the engine',
      'firewall-cmd --permanent --zone=trusted',
    ],
  ])('%s', (name, choice, what, first) => {
    const found = examined(choice);
    expect(found[0]).toContain(what);
    expect(found[0]).toContain(` | ${first}`);
    // A legacy FORWARD that drops is found by two checks: it knows no bridge, and it stands beside the other.
    expect(found).toHaveLength(name.startsWith('both') ? 2 : 1);
  });

  test('no default route', () => {
    const texts = hostTexts();
    const routes = (JSON.parse(texts.routes!) as object[]).filter((route) => !('gateway' in route));
    expect(routes).not.toContainEqual(DEFAULT_ROUTE);
    const snapshot = { ...dockerHost(), namespaces: { host: { ...texts, routes: JSON.stringify(routes) } } };
    expect(examine(factsOf(snapshot)).map(({ check }) => check)).toEqual(['no-way-out']);
  });
});

describe('a host of ours', () => {
  const snapshotOf = async (
    world: World,
    inside: { sockets: string; nft?: string },
    host: HostChoice = {},
  ): Promise<Snapshot> => {
    const { engine } = world;
    const views = engine.containers.list();
    const sandboxes = views.flatMap(({ sandbox }) => sandbox ?? []);
    const { iptables: _rules, ...texts } = hostTexts(host);
    return {
      passerelle: FORMAT,
      taken: '',
      problems: [],
      namespaces: {
        host: texts,
        ...Object.fromEntries(sandboxes.map(({ id }) => [id, inside])),
      },
      engine: {
        version: 'test',
        firewall: world.settings.firewall,
        addressPools: world.settings.addressPools,
        networks: engine.networks.list().map(({ network }) => network),
        containers: views.map(({ container: { id, name, state, hostConfig } }) => ({
          id,
          name,
          status: state.status,
          networkMode: hostConfig.NetworkMode,
          exposed: [],
          wanted: [{ protocol: 'tcp', containerPort: 80, hostAddress: '0.0.0.0', hostPort: 8080 }],
          startFailed: state.error !== '',
        })),
        sandboxes,
        endpoints: views.flatMap(({ endpoints }) => endpoints.map(({ endpoint }) => endpoint)),
        desired: engine.inspection.desired(),
        observed: await engine.inspection.observed(),
      },
    };
  };
  const NAMES = { sockets: 'udp UNCONN 0 0 127.0.0.11:40000 0.0.0.0:*', nft: redirect() };
  const scene = async (): Promise<World> => {
    const world = await World.start();
    await world.network('lab', { subnet: '10.9.0.0/29' });
    await world.run('web', { network: 'lab', ports: ['8080:80'] });
    return world;
  };
  const findings = async (sockets: string, change: (world: World) => Promise<unknown> = async () => undefined) => {
    const world = await scene();
    await change(world);
    const snapshot = await snapshotOf(world, { ...NAMES, sockets: `${NAMES.sockets}\n${sockets}` });
    return examine(factsOf(snapshot)).map(({ severity, check, what }) => `${severity} ${check}: ${what}`);
  };
  const SERVES = 'tcp LISTEN 0 9 *:80 *:* users:(("httpd",pid=1,fd=3))';

  test('a container that serves is well', async () => {
    expect(await findings(SERVES)).toEqual([]);
    expect(await findings('tcp LISTEN 0 9 10.9.0.2:80 0.0.0.0:*')).toEqual([]);
  });

  test('a listener on loopback only is found', async () => {
    expect(await findings('tcp LISTEN 0 9 127.0.0.1:80 0.0.0.0:* users:(("node",pid=1,fd=3))')).toEqual([
      expect.stringMatching(/^error container-listeners: In web, port 80 is bound to loopback only/),
    ]);
  });

  test('a port that nobody serves is found', async () => {
    expect(await findings('tcp LISTEN 0 9 *:81 *:*')).toEqual([
      expect.stringMatching(/^error container-listeners: Nobody listens on port 80\/tcp in web/),
    ]);
  });

  test('a missing rule is found, with its reason', async () => {
    const found = await findings(SERVES, async ({ kernel, engine }) => {
      const rule = (await engine.inspection.observed()).find(
        (object) => object.kind === 'rule' && object.rule.target.kind === 'dnat',
      )!;
      await kernel.apply([{ op: 'remove', object: { ...rule, owner: { kind: 'engine', id: '', name: '' }, why: '' } }]);
    });
    expect(found).toEqual([
      'error missing-objects: One object of endpoint web on lab is missing or changed: Published port: what arrives at 0.0.0.0:8080/tcp goes to port 80 of web.',
    ]);
  });

  test('a network without free addresses is found', async () => {
    const found = await findings(SERVES, async (world) => {
      for (const name of ['c1', 'c2', 'c3', 'c4']) await world.run(name, { network: 'lab' });
    });
    expect(found).toEqual(['error exhausted: All addresses that lab has for containers are in use: 5 of 5.']);
  });

  test('who has the port of a container that does not run is told', async () => {
    const found = await findings(SERVES, async (world) => {
      await world.engine.containers.stop('web', { seconds: 0 });
      await world.run('other', { network: 'lab', ports: ['8080:80'] });
    });
    expect(found).toEqual([
      'note taken-ports: web cannot be started: other has port 8080/tcp of the host, at which it is to be published.',
    ]);
  });

  test('pools that are used up are found', async () => {
    const world = await World.start((its) => {
      its.settings = { ...its.settings, addressPools: [{ base: '10.8.0.0/15', size: 16 }] };
    });
    await world.network('one');
    const found = examine(factsOf(await snapshotOf(world, NAMES)));
    expect(found.map(({ what }) => what)).toEqual([
      'All 2 address pools are in use: no network can be created without --subnet.',
    ]);
  });

  test('a container whose name server is gone is found', async () => {
    const facts = factsOf(await snapshotOf(await scene(), { sockets: SERVES }));
    expect(examine(facts).map(({ check }) => check)).toEqual(['names']);
  });

  test('only what concerns a container or port is told of it', async () => {
    const world = await scene();
    await world.run('other', { network: 'lab', ports: ['9090:90'] });
    const facts = factsOf(await snapshotOf(world, { ...NAMES, sockets: `${NAMES.sockets}\n${SERVES}` }));
    expect(examine(facts, 'web')).toEqual([]);
    expect(examine(facts, 'other').map(({ check }) => check)).toEqual(['container-listeners']);
    expect(examine(facts, '9090').map(({ check }) => check)).toEqual(['container-listeners']);
    expect(['web', '8080', 'nobody', '1'].map((about) => isKnown(facts, about))).toEqual([true, true, false, false]);
  });
});

/** The rule that leads names to their server. */
function redirect(): string {
  const expr = [
    { match: { op: '==', left: { payload: { protocol: 'ip', field: 'daddr' } }, right: '127.0.0.11' } },
    { dnat: { addr: '127.0.0.11', port: 40000 } },
  ];
  return JSON.stringify({
    nftables: [
      { table: { family: 'ip', name: 'passerelle', handle: 1 } },
      {
        chain: {
          family: 'ip',
          table: 'passerelle',
          name: 'output',
          handle: 1,
          type: 'nat',
          hook: 'output',
          prio: -101,
          policy: 'accept',
        },
      },
      { rule: { family: 'ip', table: 'passerelle', chain: 'output', handle: 2, expr } },
    ],
  });
}

test('findings are told with proof and first step', () => {
  const choice = { settings: { 'net/ipv4/ip_forward': '0' }, mtu: 1450 };
  expect(printFindings(examine(factsOf(dockerHost(choice))), 80)).toMatchInlineSnapshot(`
    "error    The host does not forward packets: containers reach nobody outside of
             their network, and published ports lead nowhere.
      proof  net.ipv4.ip_forward = 0
      first  sysctl -w net.ipv4.ip_forward=1
      check  forwarding

    warning  tc-infra-base_default takes packets of 1500 bytes, and the way out by
             eth0 only 1450: connections hang with the first large packet where
             ICMP is filtered.
      proof  br-c43bef5f1b35 mtu 1500
      proof  eth0 mtu 1450
      first  docker network create -o com.docker.network.driver.mtu=1450 tc-infra-base_default-2
      check  mtu

    1 error, 1 warning, 0 notes.
    "
  `);
  expect(printFindings([], 80)).toBe('Nothing is wrong that a check knows of.\n');
});
