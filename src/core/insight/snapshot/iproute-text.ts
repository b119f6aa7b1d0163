/** `ip addr`, `ip link` and `ip route` as they print for people, in the shape of what `ip -j` prints. */
import { parseAddress, type Version } from '../../address/address.ts';

interface LinkJson {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly master?: string;
  readonly isPaired: boolean;
  link_type?: string;
  address?: string;
  info_kind?: string;
  readonly addr_info: { readonly local: string; readonly prefixlen: number; readonly broadcast?: string }[];
}

const HEAD = /^(\d+): ([^\s:@]+)(?:@(\S+))?: <([^>]*)>(.*)$/;
const LINK = /^\s+link\/(\S+)(?: ([\da-f:]+))?/;
const ADDRESS = /^\s+inet6? ([\da-f.:]+)\/(\d+)(?:.* brd (\S+))?/;
/** Of `ip -d link`: what kind of link it is. */
const KIND = /^\s+(bridge|veth|macvlan|ipvlan|vlan|dummy)(?:\s|$)/;
/** Plain listings do not tell what a link is: by these names programs make bridges. */
const BRIDGES = /^(?:docker\d+|docker_gwbridge|br-[\da-f]{12}|br\d+|virbr\d+|cni\d*|podman\d+|lxdbr\d+|lxcbr\d+)$/;

/** Reads line by line what `ip addr` or `ip link` printed. */
export class LinkText {
  readonly #links = new Map<string, LinkJson>();
  #current: LinkJson | undefined;

  get isEmpty(): boolean {
    return this.#links.size === 0;
  }

  /** Says whether it was a line of such a listing. */
  read(line: string): boolean {
    const [, index, name, pair, flags = '', rest = ''] = HEAD.exec(line) ?? [];
    if (name !== undefined) {
      const master = /\bmaster (\S+)/.exec(rest)?.[1];
      const known = this.#links.get(name);
      this.#current = {
        ifindex: Number(index),
        ifname: name,
        flags: flags.split(','),
        mtu: Number(/\bmtu (\d+)/.exec(rest)?.[1] ?? 1500),
        isPaired: pair !== undefined,
        addr_info: known?.addr_info ?? [],
        ...(master !== undefined && { master }),
        ...(known?.info_kind !== undefined && { info_kind: known.info_kind }),
      };
      this.#links.set(name, this.#current);
      return true;
    }
    return this.#current !== undefined && this.#detail(this.#current, line);
  }

  #detail(link: LinkJson, line: string): boolean {
    const [, type, mac] = LINK.exec(line) ?? [];
    if (type !== undefined) {
      link.link_type = type;
      if (mac !== undefined) link.address = mac;
      return true;
    }
    const [, local, length, broadcast] = ADDRESS.exec(line) ?? [];
    if (local !== undefined) {
      if (!link.addr_info.some((its) => its.local === local)) {
        link.addr_info.push({ local, prefixlen: Number(length), ...(broadcast !== undefined && { broadcast }) });
      }
      return true;
    }
    const [, kind] = KIND.exec(line) ?? [];
    if (kind !== undefined) link.info_kind = kind;
    return kind !== undefined || /^\s+(?:valid_lft|altname|RX:|TX:|\d)/.test(line);
  }

  links(): string {
    const masters = new Set([...this.#links.values()].map(({ master }) => master));
    const list = [...this.#links.values()].map(({ addr_info: _addresses, info_kind, isPaired, ...link }) => {
      const isBridge = masters.has(link.ifname) || BRIDGES.test(link.ifname);
      const kind = info_kind ?? (isBridge ? 'bridge' : isPaired && link.master !== undefined ? 'veth' : undefined);
      return { ...link, ...(kind !== undefined && { linkinfo: { info_kind: kind } }) };
    });
    return JSON.stringify(list);
  }

  addresses(): string {
    return JSON.stringify([...this.#links.values()].map(({ ifname, addr_info }) => ({ ifname, addr_info })));
  }
}

export type RouteJson = Readonly<Record<string, string | number>>;

const TYPES = 'unicast|local|broadcast|anycast|multicast|blackhole|unreachable|prohibit|throw';
const ROUTE = new RegExp(`^(?:(${TYPES}) )?(default|[\\da-f.:]+(?:/\\d+)?)((?: .*)?)$`);

/** A line of `ip route`; undefined if it is none. */
export function readRouteLine(line: string): { readonly version: Version; readonly json: RouteJson } | undefined {
  const [, type, to = '', rest = ''] = ROUTE.exec(line.trim()) ?? [];
  const word = (name: string) => new RegExp(` ${name} (\\S+)`).exec(rest)?.[1];
  const [dev, gateway, source, metric, table] = ['dev', 'via', 'src', 'metric', 'table'].map(word);
  const leadsSomewhere = dev !== undefined || ['blackhole', 'unreachable', 'prohibit', 'throw'].includes(type ?? '');
  const address = parseAddress(to.split('/')[0] ?? '');
  if (!leadsSomewhere || (to !== 'default' && !address)) return undefined;
  const version = (address ?? parseAddress(gateway ?? ''))?.version ?? 4;
  return {
    version,
    json: {
      dst: to,
      ...(type !== undefined && { type }),
      ...(dev !== undefined && { dev }),
      ...(gateway !== undefined && { gateway }),
      ...(source !== undefined && { prefsrc: source }),
      ...(metric !== undefined && { metric: Number(metric) }),
      ...(table !== undefined && { table }),
    },
  };
}
