import { describe, expect, test } from 'vitest';
import { explain } from '../explain/explain.ts';
import { readPasted } from '../explain/listing.ts';
import { programOfChain, programOfComment, programOfLink, programOfTable } from './programs.ts';
import { sentence } from './sentence.ts';

/** A save of one table, its chains declared as far as the rules name them. */
function save(table: string, rules: readonly string[], policy = 'ACCEPT'): string {
  const builtIn = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];
  const chains = new Set(
    rules
      .flatMap((rule) => [...rule.matchAll(/(?:-A|-j|-g) (\S+)/g)].map((match) => match[1]!))
      .filter((name) => !/^[A-Z]+$/.test(name) || name.startsWith('DOCKER')),
  );
  const declared = [
    ...builtIn.map((name) => `:${name} ${name === 'FORWARD' ? policy : 'ACCEPT'} [0:0]`),
    ...[...chains].map((name) => `:${name} - [0:0]`),
  ];
  return [`*${table}`, ...declared, ...rules, 'COMMIT', ''].join('\n');
}

/** `OWNER: WHY` of the first rule. */
function told(table: string, ...rules: readonly string[]): string {
  const { objects, problems } = readPasted(save(table, rules));
  expect(problems).toEqual([]);
  const entry = explain([], objects).find(({ object }) => object.kind === 'rule')!;
  return `${entry.owner.name}: ${entry.why}`;
}

describe('who made a chain, by its name', () => {
  test.each([
    ['DOCKER', 'Docker'],
    ['DOCKER-ISOLATION', 'Docker'],
    ['DOCKER-CT', 'Docker'],
    ['DOCKER-INGRESS', 'Docker'],
    ['DOCKER_OUTPUT', 'Docker'],
    ['ufw-before-forward', 'ufw'],
    ['ufw6-user-input', 'ufw'],
    ['IN_public_allow', 'firewalld'],
    ['FORWARD_IN_ZONES', 'firewalld'],
    ['NETAVARK_FORWARD', 'Podman (netavark)'],
    ['NETAVARK-1D8721804F16F', 'Podman (netavark)'],
    ['CNI-HOSTPORT-DNAT', 'CNI plugins'],
    ['CNI-FORWARD', 'CNI plugins'],
    ['KUBE-SVC-TCOU7JCQXEZGVUNU', 'kube-proxy'],
    ['KUBE-MARK-MASQ', 'kube-proxy'],
    ['cali-FORWARD', 'Calico'],
    ['CILIUM_FORWARD', 'Cilium'],
    ['FLANNEL-FWD', 'flannel'],
    ['ts-forward', 'tailscale'],
    ['LIBVIRT_FWI', 'libvirt'],
    ['f2b-sshd', 'fail2ban'],
    ['MYCHAIN', undefined],
    ['DOCKERED', undefined],
  ])('%s', (chain, program) => {
    expect(programOfChain(chain)?.program).toBe(program);
  });
});

describe('who made a table, link or comment', () => {
  test.each([
    [programOfTable, 'firewalld', 'firewalld'],
    [programOfTable, 'docker-bridges', 'Docker'],
    [programOfTable, 'netavark', 'Podman (netavark)'],
    [programOfTable, 'lxd', 'LXD'],
    [programOfTable, 'filter', undefined],
    [programOfLink, 'docker0', 'Docker'],
    [programOfLink, 'br-0123456789ab', 'Docker'],
    [programOfLink, 'br-lan', undefined],
    [programOfLink, 'virbr0', 'libvirt'],
    [programOfLink, 'tailscale0', 'tailscale'],
    [programOfLink, 'eth0', undefined],
  ])('%o %s', (find, name, program) => {
    expect(find(name)?.program).toBe(program);
  });

  test.each([
    ['generated for LXD network lxdbr0', 'LXD'],
    ['kubernetes service portals', 'kube-proxy'],
    ['cali:wUHhoiAYhphO9Mso', 'Calico'],
    ['allow ssh', undefined],
  ])('# %s', (comment, program) => {
    expect(programOfComment(comment)).toBe(program);
  });
});

describe('a rule of somebody else', () => {
  test.each([
    [
      'in a chain of its own',
      'filter',
      ['-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT'],
      'ufw: TCP packets to port 22 are accepted. It is part of what the user told ufw (`ufw status numbered`).',
    ],
    [
      'that leads to a chain of its own',
      'filter',
      ['-A FORWARD -j ts-forward'],
      "tailscale: All packets go on to the chain ts-forward. That chain holds tailscale's rules for what it routes: it drops what forges a tailnet address.",
    ],
    [
      'that is signed',
      'filter',
      ['-A INPUT -i lxdbr0 -p udp -m udp --dport 67 -m comment --comment "generated for LXD network lxdbr0" -j ACCEPT'],
      'LXD: UDP packets that come in by lxdbr0 to port 67 are accepted.',
    ],
    [
      "about libvirt's bridge",
      'filter',
      ['-A FORWARD -i virbr0 -o virbr0 -j ACCEPT'],
      "libvirt: Packets that come in by virbr0 that go out by virbr0 are accepted. It is about a bridge of libvirt's.",
    ],
    [
      'that nobody signed',
      'filter',
      [
        '-A FORWARD ! -i eth0 -s 10.0.0.0/8 -m conntrack --ctstate INVALID -j REJECT --reject-with icmp-port-unreachable',
      ],
      'unknown owner: Packets that come in by any link but eth0 from 10.0.0.0/8 of connections that are invalid are refused (icmp-port-unreachable).',
    ],
  ])('%s', (_, table, rules, text) => {
    expect(told(table, ...rules)).toBe(text);
  });
});

describe("Docker's layouts", () => {
  const BR = 'br-0123456789ab';
  test.each([
    [
      'before 17.12: one drop a pair',
      [
        '-A DOCKER-ISOLATION -i docker0 -o br-0123456789ab -j DROP',
        '-A FORWARD -j DOCKER',
        '-A FORWARD -j DOCKER-ISOLATION',
      ],
      `Docker, network ${BR}: What comes from docker0 may not enter ${BR}: networks are isolated from each other, one rule for each pair.`,
    ],
    [
      'classic, without the userland proxy',
      [`-A FORWARD -i ${BR} -o ${BR} -j DROP`, `-A FORWARD -o ${BR} -j DOCKER`],
      `Docker, network ${BR}: Containers of ${BR} may not talk to each other (enable_icc is off); it stands at the end so that published ports are still reached.`,
    ],
    [
      'classic, internal',
      [
        `-A DOCKER-ISOLATION-STAGE-1 ! -s 172.30.0.0/16 -o ${BR} -j DROP`,
        '-A FORWARD -j DOCKER',
        '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
      ],
      `Docker, network ${BR}: ${BR} is internal: nothing from outside of 172.30.0.0/16 may enter it, and this comes before anything is accepted.`,
    ],
    [
      '28: answers',
      [`-A DOCKER-CT -o ${BR} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`, '-A FORWARD -j DOCKER'],
      `Docker, network ${BR}: Answers to what containers of ${BR} asked for, and later packets of accepted connections, may come in.`,
    ],
    [
      '28: what nobody published',
      [`-A DOCKER ! -i ${BR} -o ${BR} -j DROP`],
      `Docker, network ${BR}: What nobody published is not reached: nothing else from outside may enter ${BR}, from other networks neither.`,
    ],
    [
      '28: internal',
      [`-A DOCKER-INTERNAL ! -d 172.30.0.0/16 -i ${BR} -j DROP`, '-A FORWARD -j DOCKER'],
      `Docker, network ${BR}: ${BR} is internal: nothing of it may go anywhere but to 172.30.0.0/16.`,
    ],
    [
      'what the user wrote',
      ['-A DOCKER-USER -s 203.0.113.0/24 -j DROP', '-A FORWARD -j DOCKER'],
      'user: Packets from 203.0.113.0/24 are dropped in silence. Docker leaves this chain to you, and asks it before its own rules.',
    ],
  ])('%s', (_, rules, text) => {
    expect(told('filter', ...rules)).toBe(text);
  });

  test("a dropping FORWARD is Docker's, unless ufw is there", () => {
    const owner = (...rules: string[]): string => {
      const { objects } = readPasted(save('filter', rules, 'DROP'));
      return explain([], objects).find(({ text }) => text.endsWith('-P FORWARD DROP'))!.owner.name;
    };
    expect(owner('-A FORWARD -j DOCKER')).toBe('Docker');
    expect(owner('-A FORWARD -j DOCKER', '-A FORWARD -j ufw-before-forward')).toBe('ufw');
    expect(owner()).toBe('unknown owner');
  });
});

test('a sentence has no match left out', () => {
  expect(
    sentence({
      matches: [
        { kind: 'mark', value: 255, not: true },
        { kind: 'addrtype', side: 'destination', type: 'LOCAL' },
        {
          kind: 'multiport',
          side: 'destination',
          ranges: [
            { from: 80, to: 80 },
            { from: 8000, to: 8010 },
          ],
        },
        { kind: 'set', name: 'banned', flags: ['src'] },
        { kind: 'other', extension: 'limit', options: '--limit 3/min' },
      ],
      target: { kind: 'log', options: '--log-prefix x' },
    }),
  ).toBe(
    'Packets without the mark 0xff for an address of this host itself to one of the ports 80, 8000-8010 in the set banned matching limit --limit 3/min are written to the log.',
  );
});
