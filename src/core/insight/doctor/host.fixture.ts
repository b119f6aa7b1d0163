/** A host in good health that Docker manages, in the words of the tools, to be broken by tests. */
import type { NamespaceTexts } from '../../model/texts.ts';
import { FORMAT, HOST, type Snapshot } from '../snapshot/snapshot.ts';

export const BRIDGE = 'br-c43bef5f1b35';

export interface HostChoice {
  readonly mtu?: number;
  readonly routes?: readonly object[];
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines of `ss -lntup`. */
  readonly sockets?: readonly string[];
  /** What is done to the listing of iptables. */
  readonly iptables?: (save: string) => string;
  readonly legacy?: string;
  readonly nft?: readonly object[];
  readonly bridges?: readonly string[];
}

const RULES = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [7:420]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
[9:540] -A FORWARD -j DOCKER-USER
[9:540] -A FORWARD -j DOCKER-ISOLATION-STAGE-1
[5:300] -A FORWARD -o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
[4:240] -A FORWARD -o ${BRIDGE} -j DOCKER
[0:0] -A FORWARD -i ${BRIDGE} ! -o ${BRIDGE} -j ACCEPT
[0:0] -A FORWARD -i ${BRIDGE} -o ${BRIDGE} -j ACCEPT
[4:240] -A DOCKER -d 172.21.0.2/32 ! -i ${BRIDGE} -o ${BRIDGE} -p tcp -m tcp --dport 5000 -j ACCEPT
[0:0] -A DOCKER-ISOLATION-STAGE-1 -i ${BRIDGE} ! -o ${BRIDGE} -j DOCKER-ISOLATION-STAGE-2
[9:540] -A DOCKER-ISOLATION-STAGE-1 -j RETURN
[0:0] -A DOCKER-ISOLATION-STAGE-2 -o ${BRIDGE} -j DROP
[0:0] -A DOCKER-ISOLATION-STAGE-2 -j RETURN
[9:540] -A DOCKER-USER -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
[4:240] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
[0:0] -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
[0:0] -A POSTROUTING -s 172.21.0.0/16 ! -o ${BRIDGE} -j MASQUERADE
[0:0] -A POSTROUTING -s 172.21.0.2/32 -d 172.21.0.2/32 -p tcp -m tcp --dport 5000 -j MASQUERADE
[0:0] -A DOCKER -i ${BRIDGE} -j RETURN
[4:240] -A DOCKER ! -i ${BRIDGE} -p tcp -m tcp --dport 5000 -j DNAT --to-destination 172.21.0.2:5000
COMMIT
`;

const link = (index: number, name: string, mtu: number, kind?: string): object => ({
  ifindex: index,
  ifname: name,
  flags: ['UP', 'LOWER_UP'],
  mtu,
  link_type: 'ether',
  ...(kind && { linkinfo: { info_kind: kind } }),
});

const address = (ifname: string, local: string, prefixlen: number): object => ({
  ifname,
  addr_info: [{ family: 'inet', local, prefixlen, scope: 'global' }],
});

export const DEFAULT_ROUTE = { dst: 'default', gateway: '192.0.2.254', dev: 'eth0', flags: [] };

export function hostTexts(choice: HostChoice = {}): NamespaceTexts {
  const { mtu = 1500, routes = [], settings = {}, sockets = [], nft = [], bridges = [BRIDGE] } = choice;
  const sysctls: Record<string, string> = {
    'net/ipv4/ip_forward': '1',
    'net/ipv4/conf/all/rp_filter': '0',
    'net/ipv4/conf/eth0/rp_filter': '0',
    'net/bridge/bridge-nf-call-iptables': '1',
    'net/netfilter/nf_conntrack_count': '10',
    'net/netfilter/nf_conntrack_max': '65536',
    ...settings,
  };
  const all = [
    DEFAULT_ROUTE,
    { dst: '192.0.2.0/24', dev: 'eth0', protocol: 'kernel', scope: 'link', flags: [] },
    { dst: '172.21.0.0/16', dev: BRIDGE, protocol: 'kernel', scope: 'link', flags: [] },
    ...routes,
  ];
  return {
    links: JSON.stringify([
      link(2, 'eth0', mtu),
      ...bridges.map((name, index) => link(3 + index, name, 1500, 'bridge')),
      { ...link(40, 'veth0000001', 1500, 'veth'), master: BRIDGE, link_index: 2, link_netnsid: 0 },
    ]),
    addresses: JSON.stringify([address('eth0', '192.0.2.1', 24), address(BRIDGE, '172.21.0.1', 16)]),
    routes: JSON.stringify(all),
    routes6: '[]',
    sysctls: Object.entries(sysctls)
      .map(([name, value]) => `${name}=${value}`)
      .join('\n'),
    sockets: ['Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process', ...sockets].join('\n'),
    iptables: (choice.iptables ?? ((save: string) => save))(RULES),
    ...(choice.legacy !== undefined && { iptablesLegacy: choice.legacy }),
    nft: JSON.stringify({ nftables: nft }),
    neighbours: '[]',
    conntrack: '',
  };
}

export function dockerHost(choice: HostChoice = {}): Snapshot {
  return {
    passerelle: FORMAT,
    taken: '2019-11-23T17:18:36Z',
    problems: [],
    namespaces: { [HOST]: hostTexts(choice) },
    docker: {
      networks: { [BRIDGE]: 'tc-infra-base_default' },
      containers: { '172.21.0.2': 'tc-registry' },
    },
  };
}
