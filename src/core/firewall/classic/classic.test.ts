import { describe, expect, it } from 'vitest';
import { comparePositions } from '../../plan/position.ts';
import type { FirewallObject, FirewallOptions, Place } from '../layout.ts';
import { printRule } from '../print.ts';
import { network, OPTIONS, place } from '../records.fixture.ts';
import type { NetworkRecord } from '../../network/network.ts';
import { classic } from './classic.ts';

const DOCKER0 = network('docker0', 1);

/** The rules of one table as `iptables-save` would list them, chains in the order of the alphabet. */
function listing(objects: readonly FirewallObject[], family: 'ip' | 'ip6' = 'ip', table = ''): string[] {
  const lines: string[] = [];
  for (const name of ['raw', 'mangle', 'filter', 'nat'].filter((its) => !table || its === table)) {
    const rules = objects
      .filter((object) => object.kind === 'rule')
      .filter(({ rule }) => rule.family === family && rule.table === name)
      .toSorted(
        (a, b) =>
          chainOrder(a.rule.chain) - chainOrder(b.rule.chain) ||
          a.rule.chain.localeCompare(b.rule.chain) ||
          comparePositions(a.position, b.position),
      );
    if (rules.length > 0) lines.push(`*${name}`, ...rules.map(({ rule }) => printRule(rule)));
  }
  return lines;
}

const BUILT_IN = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];
const chainOrder = (chain: string): number => (BUILT_IN.includes(chain) ? BUILT_IN.indexOf(chain) : BUILT_IN.length);

function objects(
  networks: readonly NetworkRecord[],
  places: readonly Place[] = [],
  options: FirewallOptions = OPTIONS,
): FirewallObject[] {
  return [
    ...classic.engine(options),
    ...networks.flatMap((its) => classic.network(its, options)),
    ...places.flatMap((its) => classic.endpoint(its, options)),
  ];
}

describe('the article', () => {
  const B = network('B', 2);
  const A = network('A', 3);
  const registry = place('tc-registry', A, '172.19.0.2/16', ['5000:5000']);

  it('leaves the listing that Docker 20.10 leaves', () => {
    expect(listing(objects([DOCKER0, B, A], [registry]))).toEqual([
      '*filter',
      '-A FORWARD -j DOCKER-USER',
      '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
      ...['A', 'B', 'docker0'].flatMap((br) => [
        `-A FORWARD -o ${br} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
        `-A FORWARD -o ${br} -j DOCKER`,
        `-A FORWARD -i ${br} ! -o ${br} -j ACCEPT`,
        `-A FORWARD -i ${br} -o ${br} -j ACCEPT`,
      ]),
      '-A DOCKER -d 172.19.0.2/32 ! -i A -o A -p tcp -m tcp --dport 5000 -j ACCEPT',
      '-A DOCKER-ISOLATION-STAGE-1 -i A ! -o A -j DOCKER-ISOLATION-STAGE-2',
      '-A DOCKER-ISOLATION-STAGE-1 -i B ! -o B -j DOCKER-ISOLATION-STAGE-2',
      '-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2',
      '-A DOCKER-ISOLATION-STAGE-1 -j RETURN',
      '-A DOCKER-ISOLATION-STAGE-2 -o A -j DROP',
      '-A DOCKER-ISOLATION-STAGE-2 -o B -j DROP',
      '-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP',
      '-A DOCKER-ISOLATION-STAGE-2 -j RETURN',
      '-A DOCKER-USER -j RETURN',
      '*nat',
      '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
      '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER',
      '-A POSTROUTING -s 172.19.0.0/16 ! -o A -j MASQUERADE',
      '-A POSTROUTING -s 172.18.0.0/16 ! -o B -j MASQUERADE',
      '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
      '-A POSTROUTING -s 172.19.0.2/32 -d 172.19.0.2/32 -p tcp -m tcp --dport 5000 -j MASQUERADE',
      '-A DOCKER -i A -j RETURN',
      '-A DOCKER -i B -j RETURN',
      '-A DOCKER -i docker0 -j RETURN',
      '-A DOCKER ! -i A -p tcp -m tcp --dport 5000 -j DNAT --to-destination 172.19.0.2:5000',
    ]);
  });

  it('has the chains, and FORWARD drops', () => {
    const chains = objects([]).filter((object) => object.kind === 'chain');
    expect(chains.map(({ table, name, policy }) => [table, name, policy])).toEqual([
      ['filter', 'FORWARD', 'DROP'],
      ['filter', 'DOCKER', undefined],
      ['filter', 'DOCKER-ISOLATION-STAGE-1', undefined],
      ['filter', 'DOCKER-ISOLATION-STAGE-2', undefined],
      ['filter', 'DOCKER-USER', undefined],
      ['nat', 'DOCKER', undefined],
    ]);
    expect(chains.filter(({ open }) => open).map(({ name }) => name)).toEqual(['DOCKER-USER']);
  });

  it('gives every object an owner and a sentence', () => {
    for (const { owner, why } of objects([DOCKER0, B, A], [registry], { ...OPTIONS, allowDirectRouting: false })) {
      expect(owner.name).not.toBe('');
      expect(why).toMatch(/^[A-Z\w'].{20,}[.]$/);
    }
  });
});

describe('a network', () => {
  const rules = (its: NetworkRecord, options = OPTIONS, family: 'ip' | 'ip6' = 'ip') =>
    listing(classic.network(its, options), family);

  it('that is internal has nothing but two drops and what its containers may do', () => {
    expect(rules(network('N', 4, { internal: true }))).toEqual([
      '*filter',
      '-A FORWARD -i N -o N -j ACCEPT',
      '-A DOCKER-ISOLATION-STAGE-1 ! -s 172.20.0.0/16 -o N -j DROP',
      '-A DOCKER-ISOLATION-STAGE-1 ! -d 172.20.0.0/16 -i N -j DROP',
    ]);
  });

  it('without icc drops what stays on its bridge, at the end of FORWARD', () => {
    const all = objects([DOCKER0, network('N', 2, { bridge: { icc: false } })]);
    expect(listing(all, 'ip', 'filter').slice(1, 12)).toEqual([
      '-A FORWARD -j DOCKER-USER',
      '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
      '-A FORWARD -o N -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A FORWARD -o N -j DOCKER',
      '-A FORWARD -i N ! -o N -j ACCEPT',
      '-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A FORWARD -o docker0 -j DOCKER',
      '-A FORWARD -i docker0 ! -o docker0 -j ACCEPT',
      '-A FORWARD -i docker0 -o docker0 -j ACCEPT',
      '-A FORWARD -i N -o N -j DROP',
      '-A DOCKER-ISOLATION-STAGE-1 -i N ! -o N -j DOCKER-ISOLATION-STAGE-2',
    ]);
  });

  it('without masquerading translates nothing, and so has nothing to leave out', () => {
    const nat = rules(network('N', 4, { bridge: { masquerade: false } }));
    expect(nat).not.toContain('*nat');
  });

  it('with an address of the host for it gets that as its source', () => {
    expect(rules(network('N', 4, { bridge: { hostIpv4: '192.0.2.9' } }))).toContain(
      '-A POSTROUTING -s 172.20.0.0/16 ! -o N -j SNAT --to-source 192.0.2.9',
    );
  });

  it('without the userland proxy is reached from the host by rules alone', () => {
    const nat = rules(network('N', 4), { ...OPTIONS, userlandProxy: false });
    expect(nat.slice(nat.indexOf('*nat'))).toEqual([
      '*nat',
      '-A POSTROUTING -o N -m addrtype --src-type LOCAL -j MASQUERADE',
      '-A POSTROUTING -s 172.20.0.0/16 ! -o N -j MASQUERADE',
    ]);
    expect(listing(classic.engine({ ...OPTIONS, userlandProxy: false }), 'ip', 'nat')).toEqual([
      '*nat',
      '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
      '-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER',
    ]);
  });

  it('that is routed keeps its addresses and answers to ping', () => {
    const all = rules(network('N', 4, { bridge: { gatewayMode4: 'routed' } }));
    expect(all).not.toContain('*nat');
    expect(all).toContain('-A DOCKER -o N -p icmp -j ACCEPT');
  });

  it('that is unprotected lets everything in', () => {
    expect(rules(network('N', 4, { bridge: { gatewayMode4: 'nat-unprotected' } }))).toContain(
      '-A DOCKER ! -i N -o N -j ACCEPT',
    );
  });

  it('with IPv6 has the same in ip6tables', () => {
    const choice = { enableIPv6: true, subnets: [{ subnet: 'fd00::/64', gateway: 'fd00::1' }] };
    const options = { ...OPTIONS, ip6tables: true };
    expect(rules(network('N', 4, choice), options)).toEqual([]);
    expect(rules(network('N', 4, choice), options, 'ip6')).toEqual([
      '*filter',
      '-A FORWARD -o N -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A FORWARD -o N -j DOCKER',
      '-A FORWARD -i N ! -o N -j ACCEPT',
      '-A FORWARD -i N -o N -j ACCEPT',
      '-A DOCKER-ISOLATION-STAGE-1 -i N ! -o N -j DOCKER-ISOLATION-STAGE-2',
      '-A DOCKER-ISOLATION-STAGE-2 -o N -j DROP',
      '*nat',
      '-A POSTROUTING -s fd00::/64 ! -o N -j MASQUERADE',
      '-A DOCKER -i N -j RETURN',
    ]);
    expect(rules(network('N', 4, { ...choice, internal: true }), options, 'ip6')).toContain(
      '-A DOCKER-ISOLATION-STAGE-1 ! -s fd00::/64 ! -i N -o N -j DROP',
    );
  });

  it('has no rule where iptables is off, or without a bridge', () => {
    expect(classic.network(network('N', 4), { ...OPTIONS, iptables: false })).toEqual([]);
    const { bridge: _, ...none } = network('none', 1);
    expect(classic.network({ ...none, driver: 'null' }, OPTIONS)).toEqual([]);
  });
});

describe('a published port', () => {
  const N = network('N', 2);
  const rules = (its: Place, options = OPTIONS, family: 'ip' | 'ip6' = 'ip') =>
    listing(classic.endpoint(its, options), family);

  it('on one address of the host is translated there alone', () => {
    expect(rules(place('c', N, '172.18.0.2/16', ['127.0.0.1:90:91/udp']))).toEqual([
      '*filter',
      '-A DOCKER -d 172.18.0.2/32 ! -i N -o N -p udp -m udp --dport 91 -j ACCEPT',
      '*nat',
      '-A POSTROUTING -s 172.18.0.2/32 -d 172.18.0.2/32 -p udp -m udp --dport 91 -j MASQUERADE',
      '-A DOCKER -d 127.0.0.1/32 ! -i N -p udp -m udp --dport 90 -j DNAT --to-destination 172.18.0.2:91',
    ]);
  });

  it('under two host ports is let in once', () => {
    const all = rules(place('c', N, '172.18.0.2/16', ['8081:80', '8080:80']));
    expect(all).toEqual([
      '*filter',
      '-A DOCKER -d 172.18.0.2/32 ! -i N -o N -p tcp -m tcp --dport 80 -j ACCEPT',
      '*nat',
      '-A POSTROUTING -s 172.18.0.2/32 -d 172.18.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE',
      '-A DOCKER ! -i N -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.18.0.2:80',
      '-A DOCKER ! -i N -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:80',
    ]);
  });

  it('of sctp gets its checksums filled in', () => {
    expect(rules(place('c', N, '172.18.0.2/16', ['80:80/sctp']))).toContain(
      '-A POSTROUTING -p sctp -m sctp --sport 80 -j CHECKSUM --checksum-fill',
    );
  });

  it('without the userland proxy is translated for its own bridge too', () => {
    expect(rules(place('c', N, '172.18.0.2/16', ['80:80']), { ...OPTIONS, userlandProxy: false })).toContain(
      '-A DOCKER -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.2:80',
    );
  });

  it('of IPv6 is translated in ip6tables, where the container has such an address', () => {
    const options = { ...OPTIONS, ip6tables: true };
    const with6 = place('c', N, '172.18.0.2/16', ['[::]:80:80'], { ipv6: 'fd00::2/64' });
    expect(rules(with6, options, 'ip6')).toEqual([
      '*filter',
      '-A DOCKER -d fd00::2/128 ! -i N -o N -p tcp -m tcp --dport 80 -j ACCEPT',
      '*nat',
      '-A POSTROUTING -s fd00::2/128 -d fd00::2/128 -p tcp -m tcp --dport 80 -j MASQUERADE',
      '-A DOCKER ! -i N -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00::2]:80',
    ]);
    expect(rules(with6, options)).toEqual([]);
    expect(rules(place('c', N, '172.18.0.2/16', ['[::]:80:80']), options, 'ip6')).toEqual([]);
  });

  it('of a routed container is only let in', () => {
    const routed = network('R', 2, { bridge: { gatewayMode4: 'routed' } });
    expect(rules(place('c', routed, '172.18.0.2/16', ['0:8080']))).toEqual([
      '*filter',
      '-A DOCKER -d 172.18.0.2/32 ! -i R -o R -p tcp -m tcp --dport 8080 -j ACCEPT',
    ]);
  });

  it('bound later stands behind', () => {
    const late = place('late', N, '172.18.0.2/16', ['80:80'], { bindingSequence: 9 });
    const early = place('early', N, '172.18.0.3/16', ['81:81'], { bindingSequence: 8 });
    expect(listing(objects([], [late, early]), 'ip', 'nat').slice(-2)).toEqual([
      '-A DOCKER ! -i N -p tcp -m tcp --dport 81 -j DNAT --to-destination 172.18.0.3:81',
      '-A DOCKER ! -i N -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.2:80',
    ]);
  });
});

describe('hardening', () => {
  const options = { ...OPTIONS, allowDirectRouting: false };
  const raw = (its: Place) => listing(classic.endpoint(its, options), 'ip', 'raw');
  const DROP = '-A PREROUTING -d 172.18.0.2/32 ! -i N -j DROP';

  it('refuses to others the address of a container', () => {
    expect(raw(place('c', network('N', 2), '172.18.0.2/16'))).toEqual(['*raw', DROP]);
  });

  it('but not to trusted links', () => {
    const trusting = network('N', 2, { bridge: { trustedInterfaces: ['eth1'] } });
    expect(raw(place('c', trusting, '172.18.0.2/16'))).toEqual([
      '*raw',
      '-A PREROUTING -d 172.18.0.2/32 -i eth1 -j ACCEPT',
      DROP,
    ]);
  });

  it('keeps to loopback what is published there', () => {
    expect(raw(place('c', network('N', 2), '172.18.0.2/16', ['127.0.0.1:80:80']))).toContain(
      '-A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 80 -j DROP',
    );
  });

  it.each([
    ['is internal', { internal: true }],
    ['is routed', { bridge: { gatewayMode4: 'routed' as const } }],
    ['is unprotected', { bridge: { gatewayMode4: 'nat-unprotected' as const } }],
    ['keeps its source address, so that answers come to it', { bridge: { masquerade: false } }],
  ])('leaves alone a network that %s', (_, choice) => {
    expect(raw(place('c', network('N', 2, choice), '172.18.0.2/16'))).toEqual([]);
  });
});
