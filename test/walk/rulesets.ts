/** The rule sets that the model is proven on. */
import { engineObjects, endpointObjects, networkObjects } from '../../src/core/drivers/drivers.ts';
import type { FirewallOptions, Place } from '../../src/core/firewall/layout.ts';
import { network, place } from '../../src/core/firewall/records.fixture.ts';
import { restoreScripts, type FirewallStep } from '../../src/core/firewall/restore.ts';
import { isNftStep, nftCommands, nftDeclarations, type NftStep } from '../../src/core/firewall/nftables/transaction.ts';
import type { Desired } from '../../src/core/plan/object.ts';
import type { Step } from '../../src/core/plan/step.ts';
import type { NetworkRecord } from '../../src/core/network/network.ts';
import type { Version } from '../../src/core/address/address.ts';
import type { Linux } from '../../src/core/model/linux.ts';
import { GUESTS, HOST_ADDRESS, inside, type WalkStage } from './stage.ts';

export interface RuleSet {
  readonly name: string;
  /** Of IP, of the rules and the probes; absent: 4. */
  readonly version?: Version;
  /** iptables-restore input, or ip6tables-restore, loaded in this order. */
  readonly iptables?: readonly string[];
  /** Held by iptables-legacy instead of iptables-nft. */
  readonly legacy?: true;
  /** Steps of our own layout on nftables. */
  readonly steps?: readonly NftStep[];
  /** nft's own language. */
  readonly nft?: string;
  /** Of the host, on top of forwarding and bridge netfilter, which are on. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** `ip` commands on the host, and what takes them back. */
  readonly links?: readonly string[];
  readonly unlinks?: readonly string[];
}

const DEFAULTS: Readonly<Record<string, string>> = {
  'net/ipv4/ip_forward': '1',
  'net/ipv6/conf/all/forwarding': '1',
  'net/bridge/bridge-nf-call-ip6tables': '1',
  'net/bridge/bridge-nf-call-iptables': '1',
  'net/ipv4/conf/all/rp_filter': '0',
  'net/ipv4/conf/uplink0/rp_filter': '0',
  'net/ipv4/conf/all/route_localnet': '0',
  'net/ipv4/conf/ba/route_localnet': '0',
  'net/ipv4/conf/bb/route_localnet': '0',
  'net/ipv4/conf/docker0/route_localnet': '0',
  'net/ipv4/conf/all/accept_local': '0',
  // The sequence numbers of raw packets are made up.
  'net/netfilter/nf_conntrack_tcp_be_liberal': '1',
};

let last: RuleSet | undefined;

const toolOf = ({ version }: RuleSet) => (version === 6 ? 'ip6tables' : 'iptables');

/** Puts the rule set in the place of the one before and gives the model of it. */
export function apply(stage: WalkStage, ruleSet: RuleSet): Linux {
  inside('host', ['nft', 'flush', 'ruleset']);
  if (last?.legacy) {
    const tool = toolOf(last);
    const empty = ['raw', 'mangle', 'nat', 'filter'].map((table) => `*${table}\nCOMMIT\n`).join('');
    inside('host', [`${tool}-legacy-restore`], empty);
    for (const chain of ['INPUT', 'FORWARD', 'OUTPUT']) inside('host', [`${tool}-legacy`, '-P', chain, 'ACCEPT']);
  }
  stage.links('host', last?.unlinks ?? []);
  last = ruleSet;
  stage.sysctl('host', { ...DEFAULTS, ...ruleSet.sysctls });
  stage.links('host', ruleSet.links ?? []);
  for (const text of ruleSet.iptables ?? []) {
    inside('host', [`${toolOf(ruleSet)}-${ruleSet.legacy ? 'legacy' : 'nft'}-restore`, '--noflush'], text);
  }
  if (ruleSet.steps) {
    inside(
      'host',
      ['nft', '-f', '-'],
      nftDeclarations(ruleSet.steps)
        .map(({ line }) => `${line}\n`)
        .join(''),
    );
    const commands = nftCommands(ruleSet.steps, true).map(({ command }) => command);
    inside(
      'host',
      ['sh', '-c', 'cat > /dev/shm/w-nft && nft -j -f /dev/shm/w-nft; rm /dev/shm/w-nft'],
      JSON.stringify({ nftables: commands }),
    );
  }
  if (ruleSet.nft !== undefined) inside('host', ['nft', '-f', '-'], ruleSet.nft);
  inside('host', ['conntrack', '-F']);
  for (const name of stage.names) inside(name, ['ip', 'neigh', 'flush', 'all']);
  return stage.model(ruleSet.legacy ? 'legacy' : 'nft');
}

const OPTIONS: Omit<FirewallOptions, 'ip6tables'> = {
  backend: 'iptables',
  iptables: true,
  userlandProxy: true,
  allowDirectRouting: true,
  ipForward: true,
  forwardDrop: true,
};

interface Scene {
  readonly version?: Version;
  readonly options?: Partial<FirewallOptions>;
  readonly a?: Parameters<typeof network>[2];
  readonly b?: Parameters<typeof network>[2];
}

/** The stage's networks as records, with published ports. */
function records({ version = 4, a = {}, b = {} }: Scene): { networks: NetworkRecord[]; places: Place[] } {
  const six = version === 6;
  const subnets = (third: number) => [
    { subnet: `172.${third}.0.0/16`, gateway: `172.${third}.0.1` },
    ...(six ? [{ subnet: `fd00:c:${third}::/64`, gateway: `fd00:c:${third}::1` }] : []),
  ];
  const make = (name: string, sequence: number, choice: Parameters<typeof network>[2] = {}) =>
    network(name, sequence, {
      subnets: subnets(sequence + 16),
      enableIPv6: six,
      ...choice,
      bridge: { name, ...choice.bridge },
    });
  const docker0 = make('docker0', 1);
  const ba = make('ba', 2, a);
  const bb = make('bb', 3, b);
  const bi = make('bi', 4, { internal: true });
  const on = (name: string, its: NetworkRecord, ports: readonly string[] = [], bindingSequence = 0) => {
    const { address } = GUESTS.find((guest) => guest.name === name)!;
    return place(name, its, `${address[4]}/16`, ports, {
      ...(six && { ipv6: `${address[6]}/64` }),
      ...(bindingSequence > 0 && { bindingSequence }),
    });
  };
  const [any, loopback, host] = six
    ? ['[::]', '[::1]', `[${HOST_ADDRESS[6]}]`]
    : ['0.0.0.0', '127.0.0.1', HOST_ADDRESS[4]];
  const places = [
    on('a1', ba, [`${any}:8080:80`, `${any}:9053:53/udp`], 1),
    on('a2', ba),
    on('b1', bb, [`${loopback}:8081:80`, `${host}:8082:80`], 2),
    on('d1', docker0, [`${any}:7777:80`], 3),
    on('i1', bi),
  ];
  return { networks: [docker0, ba, bb, bi], places };
}

function sceneObjects(scene: Scene): Desired[] {
  const options = { ...OPTIONS, ip6tables: scene.version === 6, ...scene.options };
  const { networks, places } = records(scene);
  return [
    ...engineObjects(options),
    ...networks.flatMap((its) => networkObjects(its, options)),
    ...places.flatMap((its) => endpointObjects(its, options)),
  ];
}

/** What our own layout on nftables writes. */
function ownNftables(options: Partial<FirewallOptions> = {}, scene: Scene = {}): readonly NftStep[] {
  const objects = sceneObjects({ ...scene, options: { ...options, backend: 'nftables' } });
  return objects.map((object): Step => ({ op: 'add', object })).filter((step) => isNftStep(step));
}

/** What our own layout writes, as iptables-restore input. */
export function classicText(scene: Scene = {}): string {
  const objects = sceneObjects(scene);
  const steps = objects.flatMap((object) =>
    object.kind === 'rule' || object.kind === 'chain' ? [{ op: 'add', object } satisfies FirewallStep] : [],
  );
  return restoreScripts(steps)
    .filter(({ family }) => family === (scene.version === 6 ? 'ip6' : 'ip'))
    .map(({ text }) => text)
    .join('');
}

const HAIRPIN = ['va1', 'va2', 'vb1', 'vd1', 'vi1', 'vi2'];
const hairpin = {
  links: HAIRPIN.map((port) => `link set ${port} type bridge_slave hairpin on`),
  unlinks: HAIRPIN.map((port) => `link set ${port} type bridge_slave hairpin off`),
  sysctls: Object.fromEntries(['ba', 'bb', 'docker0'].map((its) => [`net/ipv4/conf/${its}/route_localnet`, '1'])),
};
const withoutProxy = classicText({ options: { userlandProxy: false } });

const classicSets: readonly RuleSet[] = [
  { name: 'classic', iptables: [classicText()] },
  { name: 'classic, userland proxy off', iptables: [withoutProxy], ...hairpin },
  { name: 'classic, containers kept apart', iptables: [classicText({ a: { bridge: { icc: false } } })] },
  { name: 'classic, no direct routing', iptables: [classicText({ options: { allowDirectRouting: false } })] },
  {
    name: 'classic, trusted uplink',
    iptables: [
      classicText({ options: { allowDirectRouting: false }, a: { bridge: { trustedInterfaces: ['uplink0'] } } }),
    ],
  },
  { name: 'classic, routed', iptables: [classicText({ a: { bridge: { gatewayMode4: 'routed' } } })] },
  { name: 'classic, unprotected', iptables: [classicText({ b: { bridge: { gatewayMode4: 'nat-unprotected' } } })] },
  { name: 'classic, no masquerade', iptables: [classicText({ a: { bridge: { masquerade: false } } })] },
  { name: 'classic, chosen source', iptables: [classicText({ a: { bridge: { hostIpv4: '10.99.0.2' } } })] },
  { name: 'classic, forward policy accept', iptables: [classicText({ options: { forwardDrop: false } })] },
  {
    name: 'classic, bridge netfilter off',
    iptables: [classicText()],
    sysctls: { 'net/bridge/bridge-nf-call-iptables': '0' },
  },
  {
    name: 'classic, userland proxy and bridge netfilter off',
    iptables: [withoutProxy],
    ...hairpin,
    sysctls: { ...hairpin.sysctls, 'net/bridge/bridge-nf-call-iptables': '0' },
  },
  {
    name: 'classic, userland proxy off, no hairpin',
    iptables: [withoutProxy],
    sysctls: hairpin.sysctls,
  },
  { name: 'classic on iptables-legacy', iptables: [classicText()], legacy: true },
  { name: 'classic on iptables-legacy, userland proxy off', iptables: [withoutProxy], legacy: true, ...hairpin },
];

const DOCKER_USER = `*filter
-I DOCKER-USER 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-I DOCKER-USER 2 -i uplink0 -p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -s 198.51.100.0/24 -j DROP
-I DOCKER-USER 3 -i uplink0 -p tcp -m multiport --dports 80,443,8000:8100 -m tcp --tcp-flags SYN,RST SYN -m comment --comment "web" -j RETURN
-I DOCKER-USER 4 -i uplink0 -p udp -m iprange --src-range 10.99.0.0-10.99.0.9 -j ACCEPT
-I DOCKER-USER 5 -i uplink0 -p icmp -m icmp --icmp-type 8 -j REJECT --reject-with icmp-host-prohibited
-I DOCKER-USER 6 -i uplink0 -o ba -p tcp -j REJECT --reject-with tcp-reset
-I DOCKER-USER 7 ! -i uplink0 -o uplink0 -p tcp --dport 443 -g ELSEWHERE
-I DOCKER-USER 8 -i b+ -o docker0 -j LOG --log-prefix "b to d "
COMMIT
`;

/** As ufw writes them with one allowed port and logging on. */
const UFW = `*filter
:ufw-before-input - [0:0]
:ufw-before-output - [0:0]
:ufw-before-forward - [0:0]
:ufw-user-input - [0:0]
:ufw-user-forward - [0:0]
:ufw-skip-to-policy-input - [0:0]
:ufw-reject-input - [0:0]
:ufw-not-local - [0:0]
:ufw-after-input - [0:0]
-P INPUT DROP
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A INPUT -j ufw-reject-input
-I FORWARD 1 -j ufw-before-forward
-A OUTPUT -j ufw-before-output
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 3 -j ACCEPT
-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-before-output -o lo -j ACCEPT
-A ufw-before-output -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
-A ufw-not-local -j DROP
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
-A ufw-user-input -s 172.16.0.0/12 -p tcp -m multiport --dports 8080,8081 -j ACCEPT
-A ufw-user-input -s 198.51.100.0/24 -p udp -m udp --dport 9053 -j ACCEPT
-A ufw-user-forward -i uplink0 -d 172.18.0.3/32 -p tcp -m tcp --dport 80 -j ACCEPT
-A ufw-after-input -p udp -m udp --dport 53 -j ufw-skip-to-policy-input
-A ufw-skip-to-policy-input -j DROP
-A ufw-reject-input -j REJECT --reject-with icmp-port-unreachable
COMMIT
`;

/** firewalld's own table: base chains behind everybody's, which let pass what was translated. */
const FIREWALLD = `table inet firewalld {
  chain mangle_PREROUTING { type filter hook prerouting priority -140; policy accept; }
  chain nat_PREROUTING { type nat hook prerouting priority -90; policy accept; jump nat_PRE_ZONES; }
  chain nat_PRE_ZONES { iifname "docker0" goto nat_PRE_docker; goto nat_PRE_public; }
  chain nat_PRE_docker { return; }
  chain nat_PRE_public { tcp dport 8443 redirect to :22; }
  chain nat_POSTROUTING { type nat hook postrouting priority 110; policy accept; oifname "uplink0" ip saddr 172.16.0.0/12 masquerade; }
  chain filter_INPUT {
    type filter hook input priority 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    jump filter_INPUT_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_INPUT_ZONES { iifname "docker0" goto filter_IN_docker; goto filter_IN_public; }
  chain filter_IN_docker { accept; }
  chain filter_IN_public {
    tcp dport 22 ct state { new, untracked } accept
    meta l4proto { icmp, ipv6-icmp } accept
    ip saddr 172.18.0.0/16 tcp dport { 8080-8082, 9000 } accept
  }
  chain filter_FORWARD {
    type filter hook forward priority 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    ip6 daddr { ::/96, 2002::/24 } reject with icmpv6 addr-unreachable
    jump filter_FORWARD_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD_ZONES { iifname "docker0" accept; iifname "b*" accept; oifname != "uplink0" goto filter_FWD_public; }
  chain filter_FWD_public { meta l4proto icmp accept; }
  chain filter_OUTPUT { type filter hook output priority 10; policy accept; ct state { established, related } accept; oifname "lo" accept; }
}
`;

const TAILSCALE = `*filter
:ts-input - [0:0]
:ts-forward - [0:0]
-I INPUT 1 -j ts-input
-I FORWARD 1 -j ts-forward
-A ts-input -s 100.100.1.1/32 -i lo -j ACCEPT
-A ts-input -s 100.115.92.0/23 ! -i tailscale0 -j RETURN
-A ts-input -s 100.64.0.0/10 ! -i tailscale0 -j DROP
-A ts-input -s 198.51.100.0/24 ! -i tailscale0 -j DROP
-A ts-forward -i uplink0 -s 10.99.0.0/24 -j MARK --set-xmark 0x40000/0xff0000
-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT
-A ts-forward -s 100.64.0.0/10 -o uplink0 -j DROP
-A ts-forward -o uplink0 -p tcp -m tcp --dport 443 -j ACCEPT
COMMIT
*nat
:ts-postrouting - [0:0]
-I POSTROUTING 1 -j ts-postrouting
-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE
COMMIT
`;

/** Podman's netavark 1.4 with a published port on bb. */
const NETAVARK = `*filter
:NETAVARK_FORWARD - [0:0]
:NETAVARK_ISOLATION_2 - [0:0]
:NETAVARK_ISOLATION_3 - [0:0]
-A FORWARD -m comment --comment "netavark firewall rules" -j NETAVARK_FORWARD
-A NETAVARK_FORWARD -d 172.19.0.0/16 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A NETAVARK_FORWARD -s 172.19.0.0/16 -j ACCEPT
-A NETAVARK_ISOLATION_3 -o bb -j DROP
-A NETAVARK_ISOLATION_3 -j NETAVARK_ISOLATION_2
COMMIT
*nat
:NETAVARK-1D8721804F16F - [0:0]
:NETAVARK-DN-1D8721804F16F - [0:0]
:NETAVARK-HOSTPORT-DNAT - [0:0]
:NETAVARK-HOSTPORT-MASQ - [0:0]
:NETAVARK-HOSTPORT-SETMARK - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-A OUTPUT -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-A POSTROUTING -j NETAVARK-HOSTPORT-MASQ
-A POSTROUTING -s 172.19.0.0/16 -j NETAVARK-1D8721804F16F
-A NETAVARK-1D8721804F16F -d 172.19.0.0/16 -j ACCEPT
-A NETAVARK-1D8721804F16F ! -d 224.0.0.0/4 -j MASQUERADE
-A NETAVARK-DN-1D8721804F16F -s 172.19.0.0/16 -p tcp -m tcp --dport 8082 -j NETAVARK-HOSTPORT-SETMARK
-A NETAVARK-DN-1D8721804F16F -s 127.0.0.1/32 -p tcp -m tcp --dport 8082 -j NETAVARK-HOSTPORT-SETMARK
-A NETAVARK-DN-1D8721804F16F -p tcp -m tcp --dport 8082 -j DNAT --to-destination 172.19.0.2:80
-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 8082 -m comment --comment "dnat name: podman id: 1" -j NETAVARK-DN-1D8721804F16F
-A NETAVARK-HOSTPORT-MASQ -m comment --comment "netavark portfw masq mark" -m mark --mark 0x2000/0x2000 -j MASQUERADE
-A NETAVARK-HOSTPORT-SETMARK -j MARK --set-xmark 0x2000/0x2000
COMMIT
`;

/** Docker 28 and 29 on iptables: networks docker0, ba, bb and the internal bi. */
const DOCKER_29 = `*filter
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-INTERNAL - [0:0]
:DOCKER-USER - [0:0]
-P FORWARD DROP
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER -d 172.18.0.2/32 ! -i ba -o ba -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER -d 172.18.0.2/32 ! -i ba -o ba -p udp -m udp --dport 53 -j ACCEPT
-A DOCKER -d 172.19.0.2/32 ! -i bb -o bb -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER ! -i ba -o ba -j DROP
-A DOCKER ! -i bb -o bb -j DROP
-A DOCKER-BRIDGE -o docker0 -j DOCKER
-A DOCKER-BRIDGE -o ba -j DOCKER
-A DOCKER-BRIDGE -o bb -j DOCKER
-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-CT -o ba -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-CT -o bb -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-INTERNAL
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i docker0 -j ACCEPT
-A DOCKER-FORWARD -i ba -o ba -j DROP
-A DOCKER-FORWARD -i ba ! -o ba -j ACCEPT
-A DOCKER-FORWARD -i bb -j ACCEPT
-A DOCKER-FORWARD -i bi -o bi -j ACCEPT
-A DOCKER-INTERNAL ! -s 172.20.0.0/16 -o bi -j DROP
-A DOCKER-INTERNAL ! -d 172.20.0.0/16 -i bi -j DROP
COMMIT
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 172.18.0.0/16 ! -o ba -j MASQUERADE
-A POSTROUTING -s 172.19.0.0/16 ! -o bb -j MASQUERADE
-A DOCKER ! -i ba -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:80
-A DOCKER ! -i ba -p udp -m udp --dport 9053 -j DNAT --to-destination 172.18.0.2:53
-A DOCKER -d 127.0.0.1/32 ! -i bb -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.19.0.2:80
COMMIT
*raw
-A PREROUTING -d 172.18.0.2/32 ! -i ba -j DROP
-A PREROUTING -d 172.19.0.2/32 ! -i bb -j DROP
-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
-A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 8081 -j DROP
COMMIT
`;

/** Docker 29 on nftables. */
const bridgeChains = (name: string, subnet: string, ports: string) => `
  chain filter-forward-in__${name} {
    ct state established,related counter accept
    iifname "${name}" counter accept
    ${ports}
    counter drop
  }
  chain filter-forward-out__${name} { ct state established,related counter accept; counter accept; }
  chain nat-postrouting-in__${name} { }
  chain nat-postrouting-out__${name} { oifname != "${name}" ip saddr ${subnet} counter masquerade; }
`;
const DOCKER_29_NFT = `table ip docker-bridges {
  map filter-forward-in-jumps { type ifname : verdict; }
  map filter-forward-out-jumps { type ifname : verdict; }
  map nat-postrouting-in-jumps { type ifname : verdict; }
  map nat-postrouting-out-jumps { type ifname : verdict; }
  ${bridgeChains('docker0', '172.17.0.0/16', '')}
  ${bridgeChains('ba', '172.18.0.0/16', 'ip daddr 172.18.0.2 tcp dport 80 counter accept; ip daddr 172.18.0.2 udp dport 53 counter accept')}
  ${bridgeChains('bb', '172.19.0.0/16', 'ip daddr 172.19.0.2 tcp dport 80 counter accept')}
  chain filter-FORWARD {
    type filter hook forward priority filter; policy accept;
    oifname vmap @filter-forward-in-jumps
    iifname vmap @filter-forward-out-jumps
  }
  chain nat-OUTPUT { type nat hook output priority -100; policy accept; ip daddr != 127.0.0.0/8 fib daddr type local counter jump nat-prerouting-and-output; }
  chain nat-POSTROUTING {
    type nat hook postrouting priority srcnat; policy accept;
    iifname vmap @nat-postrouting-out-jumps
    oifname vmap @nat-postrouting-in-jumps
  }
  chain nat-PREROUTING { type nat hook prerouting priority dstnat; policy accept; fib daddr type local counter jump nat-prerouting-and-output; }
  chain nat-prerouting-and-output {
    iifname != "ba" tcp dport 8080 counter dnat to 172.18.0.2:80 comment "DNAT"
    iifname != "ba" udp dport 9053 counter dnat to 172.18.0.2:53 comment "DNAT"
    ip daddr 10.99.0.2 iifname != "bb" tcp dport 8082 counter dnat to 172.19.0.2:80 comment "DNAT"
  }
  chain raw-PREROUTING {
    type filter hook prerouting priority raw; policy accept;
    ip daddr 172.18.0.2 iifname != "ba" counter drop
    ip daddr 172.19.0.2 iifname != { "bb", "ba" } counter drop
  }
}
add element ip docker-bridges filter-forward-in-jumps { "docker0" : jump filter-forward-in__docker0, "ba" : jump filter-forward-in__ba, "bb" : jump filter-forward-in__bb }
add element ip docker-bridges filter-forward-out-jumps { "docker0" : jump filter-forward-out__docker0, "ba" : jump filter-forward-out__ba, "bb" : jump filter-forward-out__bb }
add element ip docker-bridges nat-postrouting-out-jumps { "docker0" : jump nat-postrouting-out__docker0, "ba" : jump nat-postrouting-out__ba, "bb" : jump nat-postrouting-out__bb }
`;

/** One of everything that rules of nftables are made of. */
const NFT_MIX = `table ip mix {
  set friends { type ipv4_addr; flags interval; elements = { 10.99.0.0/25, 172.17.0.2, 198.51.100.1-198.51.100.9 } }
  set doors { type inet_service; flags interval; elements = { 80, 8000-8081 } }
  map ports { type inet_service : ipv4_addr . inet_service; elements = { 8080 : 172.18.0.2 . 80, 8082 : 172.19.0.2 . 80 } }
  map by-address { type ipv4_addr . inet_service : verdict; elements = { 172.18.0.3 . 80 : accept, 172.19.0.2 . 53 : jump note, 172.17.0.2 . 80 : drop } }
  chain note { meta mark set 0x7; counter; return; }
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local meta l4proto tcp dnat ip to tcp dport map @ports
    udp dport 9053 dnat to 172.18.0.2:53
    tcp dport 7777 redirect to :22
  }
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat oifname { "ba", "bb" } ip saddr 172.16.0.0/12 masquerade
    oifname "uplink0" ip saddr 172.18.0.0/16 snat to 10.99.0.2
  }
  chain early { type filter hook prerouting priority mangle; ip ttl 1 counter; tcp flags & (syn | ack) == syn meta mark set 0x3; }
  chain through {
    type filter hook forward priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    meta mark 0x3 ip daddr . tcp dport vmap @by-address
    ip daddr . udp dport vmap @by-address
    meta mark 0x7 ip saddr @friends accept
    ip saddr @friends tcp dport @doors counter log accept
    ip saddr != @friends tcp dport 443 reject with tcp reset
    icmp type echo-request accept
    meta l4proto . th dport { tcp . 5432, udp . 53 } reject with icmp host-prohibited
    udp length > 20 udp dport 7777-7780 ct direction original accept
  }
  chain inwards {
    type filter hook input priority filter; policy accept;
    tcp dport { 22, 8080 } ct state new ip saddr 198.51.100.0/24 goto no
    ct original ip daddr 172.17.0.1 drop
    iifname . ip saddr { "ba" . 172.18.0.3 } reject
  }
  chain no { reject with icmp port-unreachable; }
  chain outwards { type filter hook output priority filter; policy accept; oifname "docker0" tcp dport != 80 drop; ip daddr 172.19.0.0/16 meta skuid 0 counter accept; }
}
`;

const REJECTIONS = `*raw
-A PREROUTING -i uplink0 -p udp -m udp --dport 443 -j CT --notrack
-A PREROUTING -i uplink0 -p tcp -m tcp --dport 5432 -j NOTRACK
COMMIT
*mangle
-A PREROUTING -i ba -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x10/0xf0
-A PREROUTING -i ba -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff
-A FORWARD -m mark --mark 0x10/0x10 -o bb -j DROP
-A POSTROUTING -m connmark --mark 0x10 -o uplink0 -j DROP
COMMIT
*nat
-A PREROUTING -i uplink0 -p tcp -m tcp --dport 7777 -j REDIRECT --to-ports 22
-A PREROUTING -i uplink0 -d 172.16.0.0/16 -j NETMAP --to 172.18.0.0/16
-A PREROUTING -i bb -p udp -m udp --dport 9053 -j DNAT --to-destination 172.18.0.2:53
-A PREROUTING -i ba -d 10.99.0.2/32 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.3:80
-A OUTPUT -d 203.0.113.5/32 -p tcp -j DNAT --to-destination 172.18.0.2
-A POSTROUTING -s 172.18.0.0/16 -o uplink0 -j SNAT --to-source 10.99.0.2
-A INPUT -s 198.51.100.0/24 -p tcp -m tcp --dport 22 -j SNAT --to-source 10.99.0.1
COMMIT
*filter
-P INPUT ACCEPT
-A INPUT -m conntrack --ctstate UNTRACKED -j DROP
-A INPUT -m conntrack --ctstate INVALID -j REJECT --reject-with icmp-proto-unreachable
-A INPUT -i uplink0 -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset
-A INPUT -i docker0 -j REJECT --reject-with icmp-admin-prohibited
-A FORWARD -m conntrack --ctstate UNTRACKED -j REJECT --reject-with icmp-net-prohibited
-A FORWARD -m state --state INVALID -j DROP
-A FORWARD -i ba -o uplink0 -p tcp -m tcp --dport 443 -j REJECT --reject-with icmp-net-unreachable
-A FORWARD -i uplink0 -o ba -p tcp -m tcp --dport 5432 -j REJECT --reject-with tcp-reset
-A FORWARD -i uplink0 -o bb -m conntrack --ctstate NEW -j REJECT --reject-with icmp-host-unreachable
-A FORWARD -i bb -m conntrack --ctstate DNAT -j ACCEPT
-A FORWARD -m physdev --physdev-is-bridged -j ACCEPT
-A FORWARD -i bi -o ba -j DROP
-A OUTPUT -o docker0 -p tcp -m tcp --dport 22 -j REJECT --reject-with icmp-port-unreachable
-A OUTPUT -o bb -p tcp -j DROP
COMMIT
`;

const neighbourSets: readonly RuleSet[] = [
  {
    name: 'classic, DOCKER-USER filled',
    iptables: [
      classicText(),
      '*filter\n:ELSEWHERE - [0:0]\n-A ELSEWHERE -s 172.18.0.2/32 -j DROP\n-A ELSEWHERE -j RETURN\nCOMMIT\n',
      DOCKER_USER,
    ],
  },
  { name: 'classic beside ufw', iptables: [classicText(), UFW] },
  { name: 'classic beside firewalld', iptables: [classicText()], nft: FIREWALLD },
  { name: 'classic beside tailscale', iptables: [classicText(), TAILSCALE] },
  { name: 'classic beside netavark', iptables: [classicText(), NETAVARK] },
  { name: "Docker 29's iptables", iptables: [DOCKER_29] },
  { name: "Docker 29's nftables", nft: DOCKER_29_NFT },
  { name: "Docker 29's nftables beside firewalld", nft: DOCKER_29_NFT + FIREWALLD },
  { name: 'sets and maps of nftables', nft: NFT_MIX },
  { name: 'every kind of refusal and translation', iptables: [REJECTIONS] },
  { name: 'every kind of refusal and translation on iptables-legacy', iptables: [REJECTIONS], legacy: true },
  { name: 'classic on iptables-legacy beside firewalld', iptables: [classicText()], legacy: true, nft: FIREWALLD },
];

const hostSets: readonly RuleSet[] = [
  { name: 'no rules at all' },
  { name: 'no rules, no bridge netfilter', sysctls: { 'net/bridge/bridge-nf-call-iptables': '0' } },
  { name: 'classic, forwarding off', iptables: [classicText()], sysctls: { 'net/ipv4/ip_forward': '0' } },
  { name: 'classic, strict reverse path', iptables: [classicText()], sysctls: { 'net/ipv4/conf/all/rp_filter': '1' } },
  { name: 'classic, loose reverse path', iptables: [classicText()], sysctls: { 'net/ipv4/conf/all/rp_filter': '2' } },
  {
    name: 'classic, small uplink',
    iptables: [classicText()],
    links: ['link set uplink0 mtu 1400'],
    unlinks: ['link set uplink0 mtu 1500'],
  },
  {
    name: 'isolated ports',
    iptables: [classicText()],
    links: ['link set va1 type bridge_slave isolated on', 'link set va2 type bridge_slave isolated on'],
    unlinks: ['link set va1 type bridge_slave isolated off', 'link set va2 type bridge_slave isolated off'],
  },
  {
    name: 'routing rules',
    iptables: [
      classicText(),
      '*mangle\n-A PREROUTING -i ba -p tcp -m tcp --dport 443 -j MARK --set-xmark 0x1/0xffffffff\n-A OUTPUT -p tcp -m tcp --dport 5432 -j MARK --set-xmark 0x1/0xffffffff\nCOMMIT\n',
    ],
    links: [
      'rule add fwmark 1 lookup 100 priority 100',
      'route add blackhole 203.0.113.0/24 table 100',
      'route add prohibit 10.99.0.0/24 table 100',
      'rule add from 172.19.0.0/16 to 203.0.113.0/24 prohibit priority 101',
      'rule add iif docker0 lookup 101 priority 102',
      'route add unreachable 198.51.100.0/24 table 101',
      'route add throw 10.99.0.0/24 table 101',
      'rule add lookup main suppress_prefixlength 0 priority 103',
      'rule add iif bb unreachable priority 104',
    ],
    unlinks: [
      'route flush table 100',
      'route flush table 101',
      'rule del priority 100',
      'rule del priority 101',
      'rule del priority 102',
      'rule del priority 103',
      'rule del priority 104',
    ],
  },
];

const nftablesSets: readonly RuleSet[] = [
  { name: 'own nftables', steps: ownNftables() },
  { name: 'own nftables, userland proxy off', steps: ownNftables({ userlandProxy: false }), ...hairpin },
  { name: 'own nftables, no direct routing', steps: ownNftables({ allowDirectRouting: false }) },
  { name: 'own nftables, containers kept apart', steps: ownNftables({}, { a: { bridge: { icc: false } } }) },
  { name: 'own nftables beside firewalld', steps: ownNftables(), nft: FIREWALLD },
];

const NDP = 'neighbour-solicitation neighbour-advertisement router-advertisement'
  .split(' ')
  .map((type) => `-A ufw6-before-input -p ipv6-icmp -m icmp6 --icmpv6-type ${type} -j ACCEPT\n`)
  .join('');

/** As ufw writes them for IPv6. */
const UFW6 = `*filter
:ufw6-before-input - [0:0]
:ufw6-user-input - [0:0]
:ufw6-before-forward - [0:0]
-P INPUT DROP
-A INPUT -j ufw6-before-input
-I FORWARD 1 -j ufw6-before-forward
-A ufw6-before-input -i lo -j ACCEPT
-A ufw6-before-input -m rt --rt-type 0 -j DROP
-A ufw6-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw6-before-input -m conntrack --ctstate INVALID -j DROP
${NDP}-A ufw6-before-input -p ipv6-icmp -m icmp6 --icmpv6-type echo-request -j ACCEPT
-A ufw6-before-input -j ufw6-user-input
-A ufw6-before-forward -p ipv6-icmp -m icmp6 --icmpv6-type echo-request -j ACCEPT
-A ufw6-user-input -p tcp -m tcp --dport 22 -j ACCEPT
-A ufw6-user-input -s fd00:c::/32 -p tcp -m multiport --dports 8080,8081 -j ACCEPT
-A ufw6-user-input -s 2001:db8:7::/48 -p udp -m udp --dport 9053 -j ACCEPT
COMMIT
`;

const REJECTIONS6 = `*raw
-A PREROUTING -i uplink0 -p udp -m udp --dport 443 -j CT --notrack
COMMIT
*mangle
-A PREROUTING -i ba -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x10/0xf0
-A FORWARD -m mark --mark 0x10/0x10 -o bb -j DROP
COMMIT
*nat
-A PREROUTING -i uplink0 -p tcp -m tcp --dport 7777 -j REDIRECT --to-ports 22
-A PREROUTING -i uplink0 -d fd00:c:16::/64 -j NETMAP --to fd00:c:18::/64
-A PREROUTING -i bb -p udp -m udp --dport 9053 -j DNAT --to-destination [fd00:c:18::2]:53
-A PREROUTING -i ba -d fd00:99::2/128 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [fd00:c:18::3]:80
-A OUTPUT -d 2001:db8:5::5/128 -p tcp -j DNAT --to-destination fd00:c:18::2
-A POSTROUTING -s fd00:c:18::/64 -o uplink0 -j SNAT --to-source fd00:99::2
-A POSTROUTING -s fd00:c:19::/64 -o uplink0 -j MASQUERADE
COMMIT
*filter
-A INPUT -m conntrack --ctstate INVALID -j REJECT --reject-with icmp6-addr-unreachable
-A INPUT -i uplink0 -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset
-A INPUT -i docker0 -p tcp -j REJECT --reject-with icmp6-adm-prohibited
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -i ba -o uplink0 -p tcp -m tcp --dport 443 -j REJECT --reject-with icmp6-no-route
-A FORWARD -i uplink0 -o ba -p tcp -m tcp --dport 5432 -j REJECT --reject-with tcp-reset
-A FORWARD -i uplink0 -o bb -p tcp -m conntrack --ctstate NEW -m addrtype ! --src-type LOCAL -j REJECT --reject-with icmp6-policy-fail
-A FORWARD -i bb -m conntrack --ctstate DNAT -j ACCEPT
-A FORWARD -i bi -o ba -j DROP
-A FORWARD -p ipv6-icmp -m icmp6 --icmpv6-type 128/0 -i docker0 -j REJECT
-A OUTPUT -o docker0 -p tcp -m tcp --dport 22 -j REJECT --reject-with icmp6-port-unreachable
-A OUTPUT -o bb -p tcp -j DROP
COMMIT
`;

/** One of everything that rules of nftables are made of, in IPv6. */
const NFT_MIX6 = `table ip6 mix {
  set friends { type ipv6_addr; flags interval; elements = { fd00:99::/64, fd00:c:17::2, 2001:db8:7::1-2001:db8:7::9 } }
  map ports { type inet_service : ipv6_addr . inet_service; elements = { 8080 : fd00:c:18::2 . 80, 8082 : fd00:c:19::2 . 80 } }
  map by-address { type ipv6_addr . inet_service : verdict; elements = { fd00:c:18::3 . 80 : accept, fd00:c:17::2 . 80 : drop } }
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local meta l4proto tcp dnat ip6 to tcp dport map @ports
    udp dport 9053 dnat to [fd00:c:18::2]:53
    tcp dport 7777 redirect to :22
  }
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat oifname { "ba", "bb" } ip6 saddr fd00:c::/32 masquerade
    oifname "uplink0" ip6 saddr fd00:c:18::/64 snat to fd00:99::2
  }
  chain through {
    type filter hook forward priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    ip6 daddr . tcp dport vmap @by-address
    ip6 saddr @friends tcp dport { 80, 8000-8081 } counter accept
    ip6 saddr != @friends tcp dport 443 reject with tcp reset
    icmpv6 type { echo-request, nd-neighbor-solicit, nd-neighbor-advert } accept
    ip6 nexthdr udp udp dport 5432 reject with icmpv6 admin-prohibited
    ip6 hoplimit < 2 drop
    meta l4proto udp reject
  }
  chain inwards {
    type filter hook input priority filter; policy accept;
    ct state untracked accept
    tcp dport { 22, 8080 } ct state new ip6 saddr 2001:db8:7::/64 reject with icmpv6 port-unreachable
    iifname . ip6 saddr { "ba" . fd00:c:18::3 } meta l4proto { tcp, udp } reject
  }
}
`;

/** Nobody finds the host's addresses, and the host finds nobody's. */
const NO_DISCOVERY = `*filter
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type neighbour-solicitation -j DROP
-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type neighbour-solicitation -j DROP
COMMIT
`;

const classic6 = (scene: Scene = {}) => classicText({ ...scene, version: 6 });

const sixSets: readonly RuleSet[] = (
  [
    { name: 'no rules at all' },
    { name: 'no rules, no bridge netfilter', sysctls: { 'net/bridge/bridge-nf-call-ip6tables': '0' } },
    { name: 'classic', iptables: [classic6()] },
    { name: 'classic, userland proxy off', iptables: [classic6({ options: { userlandProxy: false } })], ...hairpin },
    { name: 'classic, no direct routing', iptables: [classic6({ options: { allowDirectRouting: false } })] },
    { name: 'classic, containers kept apart', iptables: [classic6({ a: { bridge: { icc: false } } })] },
    { name: 'classic, routed', iptables: [classic6({ a: { bridge: { gatewayMode6: 'routed' } } })] },
    { name: 'classic, forwarding off', iptables: [classic6()], sysctls: { 'net/ipv6/conf/all/forwarding': '0' } },
    { name: 'classic on ip6tables-legacy', iptables: [classic6()], legacy: true },
    { name: 'classic beside ufw', iptables: [classic6(), UFW6] },
    { name: 'classic beside firewalld', iptables: [classic6()], nft: FIREWALLD },
    {
      name: 'classic, small uplink',
      iptables: [classic6()],
      links: ['link set uplink0 mtu 1400'],
      unlinks: ['link set uplink0 mtu 1500'],
    },
    { name: 'own nftables', steps: ownNftables({}, { version: 6 }) },
    { name: 'own nftables, no direct routing', steps: ownNftables({ allowDirectRouting: false }, { version: 6 }) },
    { name: 'sets and maps of nftables', nft: NFT_MIX6 },
    { name: 'every kind of refusal and translation', iptables: [REJECTIONS6] },
    {
      name: 'neighbour discovery is dropped',
      iptables: [NO_DISCOVERY],
    },
  ] satisfies RuleSet[]
).map((its: RuleSet): RuleSet => ({ ...its, name: `IPv6: ${its.name}`, version: 6 }));

export const RULE_SETS: readonly RuleSet[] = [
  ...hostSets,
  ...classicSets,
  ...nftablesSets,
  ...neighbourSets,
  ...sixSets,
];
