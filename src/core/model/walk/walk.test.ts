/** What needs no kernel to be seen; that the kernel does the same is proven in test/walk. */
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../address/address.ts';
import { linuxFromTexts, type NamespaceTexts } from '../texts.ts';
import { ICMP, TCP, UDP } from './packet.ts';
import { walk, type Probe, type Walked } from './walk.ts';

/** A host with an uplink and a container on a bridge, as the tools print them. */
const LINKS = JSON.stringify([
  { ifindex: 1, ifname: 'lo', flags: ['LOOPBACK', 'UP'], mtu: 65536, link_type: 'loopback' },
  { ifindex: 2, ifname: 'eth0', flags: ['UP'], mtu: 1500, link_type: 'ether' },
  { ifindex: 3, ifname: 'br0', flags: ['UP'], mtu: 1500, link_type: 'ether', linkinfo: { info_kind: 'bridge' } },
  {
    ifindex: 4,
    link_index: 2,
    link_netnsid: 0,
    ifname: 'veth1',
    flags: ['UP'],
    mtu: 1500,
    link_type: 'ether',
    master: 'br0',
    linkinfo: { info_kind: 'veth', info_slave_kind: 'bridge', info_slave_data: { hairpin: false } },
  },
]);
const address = (ifname: string, local: string, prefixlen: number) => ({ ifname, addr_info: [{ local, prefixlen }] });
const HOST: NamespaceTexts = {
  links: LINKS,
  addresses: JSON.stringify([
    address('lo', '127.0.0.1', 8),
    address('eth0', '10.0.0.2', 24),
    address('br0', '172.18.0.1', 16),
  ]),
  routes: JSON.stringify([
    { dst: 'default', gateway: '10.0.0.1', dev: 'eth0' },
    { dst: '10.0.0.0/24', dev: 'eth0', prefsrc: '10.0.0.2' },
    { dst: '172.18.0.0/16', dev: 'br0', prefsrc: '172.18.0.1' },
  ]),
  sysctls: 'net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1\n',
  sockets: 'tcp LISTEN 0 128 127.0.0.1:22 0.0.0.0:*\n',
  nft: '{"nftables": []}',
};
const WEB: NamespaceTexts = {
  links: JSON.stringify([
    { ifindex: 1, ifname: 'lo', flags: ['LOOPBACK', 'UP'], mtu: 65536, link_type: 'loopback' },
    {
      ifindex: 2,
      link_index: 4,
      link_netnsid: 0,
      ifname: 'eth0',
      flags: ['UP'],
      mtu: 1500,
      linkinfo: { info_kind: 'veth' },
    },
  ]),
  addresses: JSON.stringify([address('lo', '127.0.0.1', 8), address('eth0', '172.18.0.2', 16)]),
  routes: JSON.stringify([
    { dst: 'default', gateway: '172.18.0.1', dev: 'eth0' },
    { dst: '172.18.0.0/16', dev: 'eth0' },
  ]),
  sysctls: '',
  sockets: 'tcp LISTEN 0 128 *:80 *:*\n',
  nft: '{"nftables": []}',
};

const filter = (...lines: readonly string[]) =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n${lines.join('\n')}\nCOMMIT\n`;

function ask(iptables: string, to: string, probe: Partial<Probe> = {}, host: Partial<NamespaceTexts> = {}): Walked {
  const { linux, problems } = linuxFromTexts(
    new Map([
      ['host', { ...HOST, iptables, ...host }],
      ['web', { ...WEB, iptables: '' }],
    ]),
  );
  expect(problems).toEqual([]);
  const [destination = '', port = '0'] = to.split(':');
  return walk(linux, {
    from: { namespace: 'host', link: 'eth0' },
    source: parseAddress('203.0.113.9')!,
    destination: parseAddress(destination)!,
    protocol: TCP,
    sourcePort: 40_000,
    destinationPort: Number(port),
    ...probe,
  });
}

const ACCEPT_WEB = '-A FORWARD -d 172.18.0.2/32 -o br0 -p tcp -m tcp --dport 80 -j ACCEPT';
const BACK = '-A FORWARD -i br0 -j ACCEPT';

describe('a verdict bears its reason', () => {
  test.each<[string, string, string, Partial<Probe>, string, string]>([
    [
      'what rules accept both ways passes',
      filter(ACCEPT_WEB, BACK),
      '172.18.0.2:80',
      {},
      'pass',
      'listens on port 80 in web',
    ],
    [
      'an answer may be what is dropped',
      filter(ACCEPT_WEB),
      '172.18.0.2:80',
      {},
      'block',
      'but the answer does not come back',
    ],
    ['a policy is named', filter(), '172.18.0.2:80', {}, 'block', 'the policy of filter FORWARD in host drops it'],
    [
      'nobody listens',
      filter('-A FORWARD -j ACCEPT'),
      '172.18.0.2:81',
      {},
      'block',
      'nobody listens on port 81/tcp in web',
    ],
    [
      'a listener on loopback hears nobody else',
      filter(),
      '10.0.0.2:22',
      {},
      'block',
      'nobody listens on port 22/tcp in host',
    ],
    ['martians', filter(), '10.0.0.2:22', { source: parseAddress('10.0.0.2')! }, 'block', 'an address of host itself'],
    ['time to live', filter(BACK), '172.18.0.2:80', { ttl: 1 }, 'block', 'its time to live is over'],
    ['size', filter(), '172.18.0.2:80', { size: 1501 }, 'block', 'do not fit'],
    ['echo', filter(), '10.0.0.2', { protocol: ICMP }, 'pass', 'host answers the echo request'],
    [
      'nobody has the address',
      filter('-A FORWARD -j ACCEPT'),
      '172.18.0.9:80',
      {},
      'block',
      'nobody on br0 has the address',
    ],
    [
      'an invalid packet',
      filter('-A FORWARD -m conntrack --ctstate INVALID -j DROP'),
      '172.18.0.2:80',
      { state: 'invalid' },
      'block',
      'ctstate INVALID -j DROP',
    ],
  ])('%s', (_, rules, to, probe, verdict, reason) => {
    const walked = ask(rules, to, probe);
    expect([walked.verdict, walked.reason]).toEqual([verdict, expect.stringContaining(reason)]);
  });

  test('what is rejected is told to its sender', () => {
    const rules = filter('-A FORWARD -p tcp -j REJECT --reject-with icmp-admin-prohibited');
    expect(ask(rules, '172.18.0.2:80').way.outcome).toEqual({ errno: 'EHOSTUNREACH' });
    const web = { from: { namespace: 'web' }, source: parseAddress('172.18.0.2')! };
    expect(ask(rules, '198.51.100.1:80', web).way.outcome).toEqual({ errno: 'EHOSTUNREACH' });
  });

  test('an established flow may pass where a new one may not', () => {
    const rules = filter('-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT');
    const walked = ask(rules, '172.18.0.2:80', { state: 'established' });
    expect(walked.way.end).toMatchObject({ kind: 'refused', namespace: 'web' });
    expect(walked.assumptions.join()).toContain('let through before');
    expect(ask(rules, '172.18.0.2:80').way.end.kind).toBe('blocked');
  });
});

describe('what can not be known', () => {
  const limited = '-A FORWARD -d 172.18.0.2/32 -m limit --limit 3/min -j ACCEPT';

  test('makes the verdict unknown, with the rule and the missing fact', () => {
    const walked = ask(filter(limited, BACK), '172.18.0.2:80');
    expect(walked.verdict).toBe('unknown');
    expect(walked.missing).toMatchObject({ rule: limited, missing: expect.stringContaining('limit') as string });
    expect(walked.others).toHaveLength(1);
  });

  test('is an assumption where it makes no difference', () => {
    const walked = ask(filter(limited, ACCEPT_WEB, BACK), '172.18.0.2:80');
    expect(walked.verdict).toBe('pass');
    expect(walked.assumptions).toEqual([expect.stringContaining('limit')]);
  });

  test('has one answer wherever it is asked in a walk', () => {
    const rules = filter('-A FORWARD -m limit --limit 3/min -j NFLOG', limited, BACK);
    expect(ask(rules, '172.18.0.2:80').others.length).toBeLessThanOrEqual(3);
  });

  test('may be a listener, where sockets were not given', () => {
    const { sockets: _, ...rest } = WEB;
    const { linux } = linuxFromTexts(new Map([['web', { ...rest, iptables: '' }]]));
    const probe: Probe = {
      from: { namespace: 'web' },
      destination: parseAddress('127.0.0.1')!,
      protocol: UDP,
      sourcePort: 1,
      destinationPort: 53,
    };
    expect(walk(linux, probe)).toMatchObject({ verdict: 'unknown', missing: { key: 'listener port 53/udp in web' } });
    expect(walk(linux, { ...probe, assumesListeners: true }).assumptions).toEqual([
      'something listens on port 53 in web',
    ]);
  });
});

test('where iptables is the old one, its rules are not there twice', () => {
  const save = (head: string) => `# Generated by iptables-save v1.8.9${head}\n*filter\n-A INPUT -j DROP\nCOMMIT\n`;
  const variants = (iptables: string, iptablesLegacy: string) =>
    linuxFromTexts(new Map([['host', { ...HOST, iptables, iptablesLegacy }]]))
      .linux.namespaces.get('host')!
      .iptables.map(({ variant }) => variant);
  expect(variants(save(' on Sat Nov 28'), save(' on Sat Nov 28'))).toEqual(['legacy']);
  expect(variants(save(' (nf_tables) on Sat Nov 28'), save(' on Sat Nov 28'))).toEqual(['legacy', 'nft']);
});

test('a rule that turns in circles ends', () => {
  const rules = `*filter\n:FORWARD ACCEPT [0:0]\n:A - [0:0]\n-A FORWARD -j A\n-A A -j A\nCOMMIT\n`;
  expect(() => ask(rules, '172.18.0.2:80')).toThrow('jumps to itself');
});

describe('IPv6', () => {
  const link = (ifindex: number, ifname: string, kind?: string) => ({
    ifindex,
    ifname,
    flags: ['UP'],
    mtu: 1500,
    link_type: ifname === 'lo' ? 'loopback' : 'ether',
    ...(kind === 'veth' && { link_index: ifindex, link_netnsid: 0 }),
    ...(kind !== undefined && { linkinfo: { info_kind: kind } }),
  });
  const place = (local: string, rules: string): NamespaceTexts => ({
    links: JSON.stringify([link(1, 'lo'), link(2, 'eth0', 'veth')]),
    addresses: JSON.stringify([address('lo', '::1', 128), address('eth0', local, 64)]),
    routes6: JSON.stringify([{ dst: 'fd00::/64', dev: 'eth0', metric: 256 }]),
    sockets: 'tcp LISTEN 0 128 [::]:80 [::]:*\n',
    ip6tables: rules,
    iptables: '',
    nft: '{"nftables": []}',
    sysctls: '',
    conntrack: '',
  });
  const call = (rules: string) =>
    walk(
      linuxFromTexts(
        new Map([
          ['a', place('fd00::1', '')],
          ['b', place('fd00::2', rules)],
        ]),
      ).linux,
      {
        from: { namespace: 'a' },
        destination: parseAddress('fd00::2')!,
        protocol: TCP,
        sourcePort: 4000,
        destinationPort: 80,
      },
    );

  test('a neighbour is found if both ends let the question and the answer pass', () => {
    expect(call('')).toMatchObject({ verdict: 'pass' });
    const drop = (chain: string, type: string) =>
      `*filter\n-A ${chain} -p ipv6-icmp -m icmp6 --icmpv6-type neighbour-${type} -j DROP\nCOMMIT\n`;
    expect(call(drop('INPUT', 'advertisement'))).toMatchObject({ verdict: 'pass' });
    for (const rules of [drop('INPUT', 'solicitation'), drop('OUTPUT', 'advertisement')]) {
      const { verdict, reason, way } = call(rules);
      expect({ verdict, outcome: way.outcome }).toEqual({ verdict: 'block', outcome: { errno: 'EHOSTUNREACH' } });
      expect(reason).toMatch(/neighbour discovery fails, as a rule of filter (INPUT|OUTPUT) in b drops it/);
    }
  });

  test('where an address without brackets leads', () => {
    const to = '*nat\n-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination fd00::9:80\nCOMMIT\n';
    expect(JSON.stringify(call(to).way.steps.map(({ decision }) => decision))).toContain('[fd00::9:80]:80');
  });
});
