/**
 * The stage of the proof: a host with four bridges, their containers, and another machine, each a
 * real namespace. Rule sets come and go; the links stay.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Version } from '../../src/core/address/address.ts';
import { linuxFromTexts, type NamespaceTexts } from '../../src/core/model/texts.ts';
import { withNamespace } from '../../src/linux/namespace.ts';
import { closeSocket, openTcpListener, openUdp } from '../../src/linux/socket.ts';
import type { Linux } from '../../src/core/model/linux.ts';

const PREFIX = `w-${process.pid}-`;

/** Something's address in each version of IP. */
type Addresses = Readonly<Record<Version, string>>;

interface Guest {
  readonly name: string;
  readonly bridge: string;
  readonly address: Addresses;
  readonly listens: readonly string[];
}

/** `172.18.0.3`, and `fd00:c:18::3` in the other version. */
const inside4and6 = (network: number, host: number): Addresses => ({
  4: `172.${network}.0.${host}`,
  6: `fd00:c:${network}::${host}`,
});

/** Bridges with their gateways. `bi` is the internal network's. */
export const BRIDGES: Readonly<Record<string, Addresses>> = {
  docker0: inside4and6(17, 1),
  ba: inside4and6(18, 1),
  bb: inside4and6(19, 1),
  bi: inside4and6(20, 1),
};

export const GUESTS: readonly Guest[] = [
  { name: 'a1', bridge: 'ba', address: inside4and6(18, 2), listens: ['tcp:80', 'udp:53'] },
  { name: 'a2', bridge: 'ba', address: inside4and6(18, 3), listens: ['tcp:80'] },
  { name: 'b1', bridge: 'bb', address: inside4and6(19, 2), listens: ['tcp:80', 'udp:53'] },
  { name: 'd1', bridge: 'docker0', address: inside4and6(17, 2), listens: ['tcp:80'] },
  { name: 'i1', bridge: 'bi', address: inside4and6(20, 2), listens: ['tcp:80'] },
  { name: 'i2', bridge: 'bi', address: inside4and6(20, 3), listens: ['tcp:80'] },
];

export const UPLINK = 'uplink0';
export const HOST_ADDRESS: Addresses = { 4: '10.99.0.2', 6: 'fd00:99::2' };
export const WORLD_ADDRESSES = [
  { 4: '10.99.0.1', 6: 'fd00:99::1' },
  { 4: '198.51.100.7', 6: '2001:db8:7::7' },
] as const satisfies readonly Addresses[];
const GUARD = `table inet guard {
  chain out { type filter hook output priority 0; tcp sport 20000-60000 tcp flags & rst == rst drop; }
}`;
const HOST_LISTENS = ['tcp:22', 'tcp:8080', 'udp:9053'];
const WORLD_LISTENS = ['tcp:443', 'udp:53'];

export const namespacePath = (name: string): string => `/run/netns/${PREFIX}${name}`;

/** Runs a command in a namespace of the stage; throws with what it said if it fails. */
export function inside(name: string, command: readonly string[], input?: string): string {
  const { status, stdout, stderr } = spawnSync('nsenter', [`--net=${namespacePath(name)}`, ...command], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...(input !== undefined && { input }),
  });
  if (status !== 0) throw new Error(`${command.join(' ')} in ${name}: ${stderr}${input ?? ''}`);
  return stdout;
}

function ip(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

export class WalkStage {
  readonly names: readonly string[] = ['host', 'world', ...GUESTS.map(({ name }) => name)];
  readonly #sockets: { close(): void }[] = [];
  #texts = new Map<string, NamespaceTexts>();

  constructor() {
    this.#remove();
    for (const name of this.names) ip('netns', 'add', PREFIX + name);
    // Addresses are there at once, and nobody asks for routers.
    for (const name of this.names) {
      this.sysctl(name, {
        'net/ipv6/conf/default/accept_dad': '0',
        'net/ipv6/conf/default/dad_transmits': '0',
        'net/ipv6/conf/default/accept_ra': '0',
        'net/ipv6/conf/default/router_solicitations': '0',
      });
    }
    const host: string[] = ['link set lo up'];
    for (const [bridge, gateway] of Object.entries(BRIDGES)) {
      host.push(
        `link add ${bridge} type bridge`,
        `link set ${bridge} up`,
        `addr add ${gateway[4]}/16 brd + dev ${bridge}`,
        `addr add ${gateway[6]}/64 dev ${bridge} nodad`,
      );
    }
    host.push(`link add ${UPLINK} type veth peer name ${UPLINK} netns ${PREFIX}world`);
    host.push(
      `link set ${UPLINK} up`,
      `addr add ${HOST_ADDRESS[4]}/24 brd + dev ${UPLINK}`,
      `addr add ${HOST_ADDRESS[6]}/64 dev ${UPLINK} nodad`,
    );
    for (const { name, bridge } of GUESTS) {
      host.push(`link add v${name} type veth peer name eth0 netns ${PREFIX}${name}`);
      host.push(`link set v${name} master ${bridge}`, `link set v${name} up`);
    }
    this.#ip('host', host);
    this.#ip('world', [
      'link set lo up',
      `link set ${UPLINK} up`,
      ...WORLD_ADDRESSES.flatMap((address) => [
        `addr add ${address[4]}/24 dev ${UPLINK}`,
        `addr add ${address[6]}/64 dev ${UPLINK} nodad`,
      ]),
      `route add 172.16.0.0/12 via ${HOST_ADDRESS[4]}`,
      `route add fd00:c::/32 via ${HOST_ADDRESS[6]}`,
    ]);
    for (const { name, bridge, address } of GUESTS) {
      const gateway = BRIDGES[bridge]!;
      const ways = [`route add default via ${gateway[4]}`, `route add default via ${gateway[6]}`];
      this.#ip(name, [
        'link set lo up',
        'link set eth0 up',
        `addr add ${address[4]}/16 brd + dev eth0`,
        `addr add ${address[6]}/64 dev eth0 nodad`,
        ...(bridge === 'bi' ? [] : ways),
      ]);
    }
    const [next] = WORLD_ADDRESSES;
    this.#ip('host', [`route add default via ${next[4]}`, `route add default via ${next[6]}`]);
    for (const name of this.names) this.#settle(name);
    // Senders would reset what their raw packets began: then nothing would be established.
    for (const name of this.names) if (name !== 'host') inside(name, ['nft', '-f', '-'], GUARD);
    for (const [name, listens] of this.listeners()) this.#listen(name, listens);
  }

  #ip(name: string, commands: readonly string[]): void {
    inside(name, ['ip', '-batch', '-'], commands.join('\n'));
  }

  /** Failures of neighbours and ICMP errors come at once, and as many as there are probes. */
  #settle(name: string): void {
    this.sysctl(name, {
      'net/ipv4/icmp_ratelimit': '0',
      'net/ipv4/icmp_msgs_per_sec': '1000000',
      'net/ipv4/icmp_msgs_burst': '1000000',
      'net/ipv6/icmp/ratelimit': '0',
    });
    const links = inside(name, ['ls', '/proc/sys/net/ipv4/neigh']).split('\n');
    for (const link of links) {
      if (link === '' || link === 'lo') continue;
      this.sysctl(name, {
        [`net/ipv4/neigh/${link}/mcast_solicit`]: '1',
        [`net/ipv4/neigh/${link}/retrans_time_ms`]: '30',
        [`net/ipv6/neigh/${link}/mcast_solicit`]: '1',
        [`net/ipv6/neigh/${link}/retrans_time_ms`]: '30',
      });
    }
  }

  sysctl(name: string, settings: Readonly<Record<string, string>>): void {
    const lines = Object.entries(settings).map(([path, value]) => `echo ${value} > /proc/sys/${path}`);
    if (lines.length > 0) inside(name, ['sh', '-e'], lines.join('\n'));
  }

  links(name: string, commands: readonly string[]): void {
    if (commands.length > 0) this.#ip(name, commands);
  }

  /** What listens in each namespace, as `protocol:port`. */
  listeners(): ReadonlyMap<string, readonly string[]> {
    const guests = GUESTS.map(({ name, listens }): [string, readonly string[]] => [name, listens]);
    return new Map([...guests, ['host', HOST_LISTENS], ['world', WORLD_LISTENS]]);
  }

  /** The kernel finishes handshakes by itself: nobody has to accept. */
  #listen(name: string, listens: readonly string[]): void {
    withNamespace(namespacePath(name), () => {
      for (const listen of listens) {
        const [protocol, port] = listen.split(':');
        for (const any of ['0.0.0.0', '::']) {
          const fd = (protocol === 'tcp' ? openTcpListener : openUdp)(any, Number(port));
          this.keep({ close: () => closeSocket(fd) });
        }
      }
    });
  }

  keep(socket: { close(): void }): void {
    this.#sockets.push(socket);
  }

  /** The model of the stage as it is now, from what tools print of it. */
  model(rules: 'nft' | 'legacy' | 'both'): Linux {
    for (const name of this.names) {
      // Only the host changes between rule sets.
      if (name === 'host' || !this.#texts.has(name)) this.#texts.set(name, gather(name, rules));
    }
    const { linux, problems } = linuxFromTexts(this.#texts);
    if (problems.length > 0) throw new Error(`not read: ${JSON.stringify(problems.slice(0, 5))}`);
    return linux;
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
    this.#remove();
  }

  #remove(): void {
    for (const name of this.names) if (existsSync(namespacePath(name))) ip('netns', 'del', PREFIX + name);
  }
}

function gather(name: string, rules: 'nft' | 'legacy' | 'both'): NamespaceTexts {
  const run = (...command: string[]) => inside(name, command);
  const isHost = name === 'host';
  return {
    links: run('ip', '-j', '-d', 'link'),
    addresses: run('ip', '-j', 'addr'),
    routes: run('ip', '-j', '-4', 'route', 'show', 'table', 'all'),
    routes6: run('ip', '-j', '-6', 'route', 'show', 'table', 'all'),
    rules: run('ip', '-j', 'rule'),
    rules6: run('ip', '-j', '-6', 'rule'),
    neighbours: '[]',
    sysctls: run(
      'sh',
      '-c',
      'grep -r . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/bridge 2>/dev/null || true',
    )
      .replaceAll('/proc/sys/', '')
      .replaceAll(/:/g, '='),
    sockets: run('ss', '-lntu'),
    conntrack: '',
    nft: run('nft', '-a', '-j', 'list', 'ruleset'),
    iptables: isHost && rules !== 'legacy' ? run('iptables-nft-save') : '',
    ip6tables: isHost && rules !== 'legacy' ? run('ip6tables-nft-save') : '',
    ...(isHost &&
      rules !== 'nft' && {
        iptablesLegacy: run('iptables-legacy-save'),
        ip6tablesLegacy: run('ip6tables-legacy-save'),
      }),
  };
}
