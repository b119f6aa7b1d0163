import { describe, expect, it, test } from 'vitest';
import { describe as line } from '../../plan/describe.ts';
import type { Desired, NftObject } from '../../plan/object.ts';
import type { FirewallObject, FirewallOptions, Place } from '../layout.ts';
import { printStatement } from '../nft/text.ts';
import { network, OPTIONS, place } from '../records.fixture.ts';
import { RuleTextError } from '../word.ts';
import { nftables } from './nftables.ts';

const SAFE: FirewallOptions = { ...OPTIONS, backend: 'nftables', allowDirectRouting: false };
const N = network('N', 2);

/** The elements by their sets: `ports: tcp . 80 : 172.18.0.2 . 80`. */
const elements = (objects: readonly FirewallObject[]): string[] =>
  objects.map((object) => line(object).replace(/^nft element ip6? passerelle (\S+) \{ (.*) \}$/, '$1: $2'));

const ofNetwork = (choice: Parameters<typeof network>[2], options = SAFE) =>
  elements(nftables.network(network('N', 2, choice), options));
const ofPlace = (where: Place, options = SAFE) => elements(nftables.endpoint(where, options));

/** Chain by chain the rules, as nft prints them. */
function chains(options: FirewallOptions): string {
  return nftables
    .engine(options)
    .flatMap((object) =>
      object.kind === 'nft-chain'
        ? [`${line(object)}:`, ...object.rules.map(({ statements }) => `  ${statements.map(printStatement).join(' ')}`)]
        : [],
    )
    .join('\n');
}

describe('the table', () => {
  it('has the same rules whatever there is', () => {
    expect(chains(SAFE)).toMatchInlineSnapshot(`
      "nft chain ip passerelle user:
      nft chain ip passerelle published:
        ip daddr . meta l4proto . th dport @published accept
        drop
      nft chain ip passerelle routed:
        meta l4proto icmp accept
        jump published
      nft chain ip passerelle forward { type filter hook forward priority 0; policy accept; }:
        jump user
        ct state established,related accept
        iifname . oifname @talking accept
        ip saddr . ip daddr . meta l4proto . th dport @linked accept
        iifname @internal drop
        oifname @internal drop
        iifname @bridges oifname @bridges ct status ! dnat drop
        oifname vmap @entering
        iifname @bridges accept
      nft chain ip passerelle publish:
        dnat to ip daddr . meta l4proto . th dport map @ports-at
        dnat to meta l4proto . th dport map @ports
      nft chain ip passerelle prerouting { type nat hook prerouting priority -100; policy accept; }:
        iifname @bridges return
        fib daddr type local jump publish
      nft chain ip passerelle output { type nat hook output priority -100; policy accept; }:
        ip daddr != 127.0.0.0/8 fib daddr type local jump publish
      nft chain ip passerelle postrouting { type nat hook postrouting priority 100; policy accept; }:
        ip saddr . ip daddr @hairpins masquerade
        iifname @bridges oifname @bridges ct status dnat masquerade
        oifname @bridges return
        snat to iifname map @sources
        iifname @masqueraded masquerade
      nft chain ip passerelle raw { type filter hook prerouting priority -300; policy accept; }:
        iifname != lo ip daddr . meta l4proto . th dport @loopback-ports drop
        ip daddr @protected ip daddr . iifname != @doors drop"
    `);
  });

  it('refuses nothing early where container addresses may be reached directly', () => {
    expect(chains({ ...SAFE, allowDirectRouting: true })).toMatch(/nft chain ip passerelle raw [^\n]*:$/);
  });

  it('leads containers and loopback to the ports themselves where there is no proxy', () => {
    expect(chains({ ...SAFE, userlandProxy: false })).toContain(
      [
        'nft chain ip passerelle prerouting { type nat hook prerouting priority -100; policy accept; }:',
        '  fib daddr type local jump publish',
        'nft chain ip passerelle output { type nat hook output priority -100; policy accept; }:',
        '  fib daddr type local jump publish',
      ].join('\n'),
    );
    expect(chains({ ...SAFE, userlandProxy: false })).toContain('  ip saddr 127.0.0.0/8 oifname @bridges masquerade\n');
  });

  it.each([
    ['neither', { iptables: false, ip6tables: false }, []],
    ['both', { iptables: true, ip6tables: true }, ['ip', 'ip6']],
  ])('is there for each family that is written: %s', (_, families, tables) => {
    const objects = nftables.engine({ ...SAFE, ...families });
    expect(objects.flatMap((object) => (object.kind === 'nft-table' ? object.family : []))).toEqual(tables);
  });

  it('knows each rule by a digest that only its statements decide', () => {
    const comments = nftables
      .engine({ ...SAFE, ip6tables: true })
      .flatMap((object) => (object.kind === 'nft-chain' ? object.rules : []))
      .map(({ statements, comment }) => [JSON.stringify(statements), comment] as const);
    expect(new Map(comments).size).toBe(new Set(comments.map(([, comment]) => comment)).size);
    for (const [, comment] of comments) expect(comment).toMatch(/^[\da-f]{8}$/);
  });
});

test('every object has an owner and a reason, every rule too', () => {
  const where = place('c1', N, '172.18.0.2/16', ['80:80', '127.0.0.1:81:80'], { ipv6: 'fd00::2/64' });
  const all = [...nftables.engine(SAFE), ...nftables.network(N, SAFE), ...nftables.endpoint(where, SAFE)];
  const reasons = all.flatMap((object) => [
    object,
    ...(object.kind === 'nft-chain' ? object.rules.map(({ reason }) => reason!) : []),
  ]);
  for (const { owner, why } of reasons) {
    expect(owner.name).not.toBe('');
    expect(why).toMatch(/^\S.*\.$/);
  }
});

describe('a network is elements of the sets', () => {
  test.each<[string, Parameters<typeof network>[2], string[]]>([
    ['as it is made', {}, ['talking: N . N', 'bridges: N', 'entering: N : goto published', 'masqueraded: N']],
    ['internal', { internal: true }, ['talking: N . N', 'internal: N']],
    ['without icc', { bridge: { icc: false } }, ['bridges: N', 'entering: N : goto published', 'masqueraded: N']],
    [
      'without masquerading',
      { bridge: { masquerade: false } },
      ['talking: N . N', 'bridges: N', 'entering: N : goto published'],
    ],
    [
      'with a chosen source',
      { bridge: { hostIpv4: '192.0.2.1' } },
      ['talking: N . N', 'bridges: N', 'entering: N : goto published', 'sources: N : 192.0.2.1'],
    ],
    ['routed', { bridge: { gatewayMode4: 'routed' } }, ['talking: N . N', 'bridges: N', 'entering: N : goto routed']],
    [
      'unprotected',
      { bridge: { gatewayMode4: 'nat-unprotected' } },
      ['talking: N . N', 'bridges: N', 'entering: N : accept', 'masqueraded: N'],
    ],
  ])('%s', (_, choice, expected) => {
    expect(ofNetwork(choice)).toEqual(expected);
  });

  it('in the families that it has', () => {
    const subnets = [{ subnet: 'fd00::/64', gateway: 'fd00::1' }];
    const objects = nftables.network(network('N', 2, { subnets }), { ...SAFE, ip6tables: true });
    expect(new Set(objects.map((object) => ('family' in object ? object.family : '')))).toEqual(new Set(['ip6']));
  });

  it('or nothing, without a bridge', () => {
    const { bridge: _, ...host } = network('host', 1);
    expect(nftables.network(host, SAFE)).toEqual([]);
  });
});

describe('an endpoint is elements of the sets', () => {
  const PROTECTION = ['protected: 172.18.0.2', 'doors: 172.18.0.2 . N'];

  test.each<[string, Place, string[]]>([
    ['without ports', place('c1', N, '172.18.0.2/16'), PROTECTION],
    [
      'with a port on all addresses and one on one',
      place('c1', N, '172.18.0.2/16', ['8080:80', '192.0.2.1:53:53/udp']),
      [
        'ports: tcp . 8080 : 172.18.0.2 . 80',
        'hairpins: 172.18.0.2 . 172.18.0.2',
        'published: 172.18.0.2 . tcp . 80',
        'ports-at: 192.0.2.1 . udp . 53 : 172.18.0.2 . 53',
        'published: 172.18.0.2 . udp . 53',
        ...PROTECTION,
      ],
    ],
    [
      'with two host ports for one of its own, which is let in once',
      place('c1', N, '172.18.0.2/16', ['8080:80', '8081:80']),
      [
        'ports: tcp . 8080 : 172.18.0.2 . 80',
        'hairpins: 172.18.0.2 . 172.18.0.2',
        'published: 172.18.0.2 . tcp . 80',
        'ports: tcp . 8081 : 172.18.0.2 . 80',
        ...PROTECTION,
      ],
    ],
    [
      'with a port on loopback',
      place('c1', N, '172.18.0.2/16', ['127.0.0.1:80:80']),
      [
        'ports-at: 127.0.0.1 . tcp . 80 : 172.18.0.2 . 80',
        'hairpins: 172.18.0.2 . 172.18.0.2',
        'published: 172.18.0.2 . tcp . 80',
        'loopback-ports: 127.0.0.1 . tcp . 80',
        ...PROTECTION,
      ],
    ],
    [
      'routed',
      place('c1', network('N', 2, { bridge: { gatewayMode4: 'routed' } }), '172.18.0.2/16', ['8080:80']),
      ['published: 172.18.0.2 . tcp . 80'],
    ],
    [
      'trusting a link',
      place('c1', network('N', 2, { bridge: { trustedInterfaces: ['eth1'] } }), '172.18.0.2/16'),
      [...PROTECTION, 'doors: 172.18.0.2 . eth1'],
    ],
    ['internal', place('c1', network('N', 2, { internal: true }), '172.18.0.2/16', ['8080:80']), []],
  ])('%s', (_, where, expected) => {
    expect(ofPlace(where)).toEqual(expected);
  });

  it('without protection where container addresses may be reached', () => {
    expect(ofPlace(place('c1', N, '172.18.0.2/16'), { ...SAFE, allowDirectRouting: true })).toEqual([]);
  });

  it('in IPv6 by its own addresses alone', () => {
    const where = place('c1', N, '172.18.0.2/16', ['[::]:80:80'], { ipv6: 'fd00::2/64' });
    const objects = nftables.endpoint(where, { ...SAFE, ip6tables: true }) as readonly Desired<NftObject>[];
    expect(elements(objects.filter(({ family }) => family === 'ip6'))).toEqual([
      'ports: tcp . 80 : fd00::2 . 80',
      'hairpins: fd00::2 . fd00::2',
      'published: fd00::2 . tcp . 80',
      'protected: fd00::2',
      'doors: fd00::2 . N',
    ]);
    expect(elements(objects.filter(({ family }) => family === 'ip'))).toEqual(PROTECTION);
  });

  it.each(['@bridges', 'eth*', String.raw`a\b`])('refuses the link %s, which nftables would take for more', (link) => {
    const trusting = network('N', 2, { bridge: { trustedInterfaces: [link] } });
    expect(() => nftables.endpoint(place('c1', trusting, '172.18.0.2/16'), SAFE)).toThrow(RuleTextError);
  });
});
