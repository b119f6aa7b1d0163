/** Matches of iptables made ready to run, and what tells most rules apart without that. */
import { compareAddresses, parseAddress, type Address } from '../../address/address.ts';
import { parseIpv4 } from '../../address/ipv4.ts';
import { containsAddress, parseCidr, type Prefix } from '../../address/prefix.ts';
import { printRule } from '../../firewall/print.ts';
import type { Match, PortRange, Rule } from '../../firewall/rule.ts';
import { askOf, type Moment } from './machine.ts';
import { hasPorts, protocolNumber, type Packet, type TcpFlag } from './packet.ts';

export type Test = (at: Moment) => boolean;

/** A match that can't be decided on. */
export function unknown(missing: string, rule: Rule): Test {
  const text = printRule(rule);
  return (at) => askOf(at, rule.table, text, missing);
}

/** Whether a link's name fits; a trailing `+` matches any suffix. */
function nameTest(pattern: string): (name: string) => boolean {
  if (!pattern.endsWith('+')) return (name) => name === pattern;
  const start = pattern.slice(0, -1);
  return (name) => name.startsWith(start);
}

function prefixTest(text: string): ((address: Address) => boolean) | undefined {
  // Nearly all are plain IPv4 prefixes: rules by the thousand are read in a walk.
  const slash = text.indexOf('/');
  const host = parseIpv4(slash < 0 ? text : text.slice(0, slash));
  const length = slash < 0 ? 32 : Number(text.slice(slash + 1));
  if (host !== undefined && Number.isInteger(length) && length >= 0 && length <= 32) {
    const mask = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
    return ({ version, words }) => version === 4 && ((words[3] ^ host) & mask) === 0;
  }
  const cidr = parseCidr(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`);
  if (cidr) {
    const prefix: Prefix = cidr.prefix;
    return (address) => containsAddress(prefix, address);
  }
  // A mask with holes.
  const [network, mask] = text.split('/').map(parseAddress);
  if (!network || !mask) return undefined;
  return ({ version, words }) =>
    version === network.version &&
    words.every((word, index) => ((word ^ network.words[index]!) & mask.words[index]!) === 0);
}

const inRange = (range: PortRange, port: number) => port >= range.from && port <= range.to;

const ICMP_NAMES: Readonly<Record<string, string>> = {
  'echo-reply': '0',
  'destination-unreachable': '3',
  'echo-request': '8',
  'time-exceeded': '11',
};
const ICMP6_NAMES: Readonly<Record<string, string>> = {
  'echo-request': '128',
  'echo-reply': '129',
  'router-advertisement': '134',
  'neighbour-solicitation': '135',
  'neighbour-advertisement': '136',
};

function icmpTest(type: string, names: Readonly<Record<string, string>>): Test | undefined {
  if (type === 'any' || type === '255') return (at) => at.skb.packet.icmp !== undefined;
  const [, number, code] = /^(\d+)(?:\/(\d+))?$/.exec(names[type] ?? type) ?? [];
  if (number === undefined) return undefined;
  return ({ skb: { packet } }) =>
    packet.icmp?.type === Number(number) && (code === undefined || packet.icmp.code === Number(code));
}

const ADDRESS_TYPES: Readonly<Record<string, string>> = {
  UNICAST: 'unicast',
  LOCAL: 'local',
  BROADCAST: 'broadcast',
  ANYCAST: 'anycast',
  MULTICAST: 'multicast',
  BLACKHOLE: 'blackhole',
  UNREACHABLE: 'unreachable',
  PROHIBIT: 'prohibit',
};

export function makeTest(match: Match, rule: Rule): Test {
  const test = readTest(match, rule) ?? unknown(`what \`${describe(match)}\` means here`, rule);
  if (!match.not || match.kind === 'physdev') return test;
  return (at) => !test(at);
}

function describe(match: Match): string {
  return match.kind === 'other' ? `${match.extension} ${match.options}`.trim() : match.kind;
}

function readTest(match: Match, rule: Rule | undefined): Test | undefined {
  switch (match.kind) {
    case 'in': {
      const fits = nameTest(match.link);
      return (at) => fits(at.inLink);
    }
    case 'out': {
      const fits = nameTest(match.link);
      return (at) => fits(at.outLink);
    }
    case 'source': {
      const fits = prefixTest(match.prefix);
      return fits && ((at) => fits(at.skb.packet.source));
    }
    case 'destination': {
      const fits = prefixTest(match.prefix);
      return fits && ((at) => fits(at.skb.packet.destination));
    }
    case 'protocol': {
      const number = protocolNumber(match.name);
      if (number === undefined) return undefined;
      return number === 0 ? () => true : (at) => at.skb.packet.protocol === number;
    }
    case 'port': {
      const { range } = match;
      return match.side === 'source'
        ? (at) => inRange(range, at.skb.packet.sourcePort)
        : (at) => inRange(range, at.skb.packet.destinationPort);
    }
    case 'multiport': {
      const { ranges, side } = match;
      return ({ skb: { packet } }) =>
        hasPorts(packet.protocol) &&
        ranges.some(
          (range) =>
            (side !== 'destination' && inRange(range, packet.sourcePort)) ||
            (side !== 'source' && inRange(range, packet.destinationPort)),
        );
    }
    case 'tcp-flags': {
      const mask = flagNames(match.mask);
      const set = flagNames(match.set);
      return ({ skb: { packet } }) => mask.every((flag) => packet.flags.includes(flag) === set.includes(flag));
    }
    case 'icmp-type':
      return icmpTest(match.type, match.of === 'icmp' ? ICMP_NAMES : ICMP6_NAMES);
    case 'conntrack': {
      const states = new Set<string>(match.states);
      return ({ skb }) => {
        if (skb.state !== undefined && states.has(skb.state)) return true;
        const translated = skb.tracked?.flow.translated;
        return (
          (states.has('SNAT') && (translated?.source ?? false)) ||
          (states.has('DNAT') && (translated?.destination ?? false))
        );
      };
    }
    case 'addrtype': {
      const type = ADDRESS_TYPES[match.type];
      if (type === undefined) return undefined;
      const { side, limit } = match;
      return (at) => {
        const { packet } = at.skb;
        const link = limit === undefined ? undefined : limit === 'in' ? at.inLink : at.outLink;
        return at.space.fib.addressType(side === 'source' ? packet.source : packet.destination, link) === type;
      };
    }
    case 'mark': {
      const { value, mask = 0xffffffff } = match;
      return (at) => (at.skb.packet.mark & mask) >>> 0 === value;
    }
    case 'connmark': {
      const { value, mask = 0xffffffff } = match;
      return (at) => at.skb.tracked !== undefined && (at.skb.tracked.flow.mark & mask) >>> 0 === value;
    }
    case 'comment':
      return () => true;
    case 'physdev':
      return physicalTest(match);
    case 'iprange': {
      const from = parseAddress(match.from);
      const to = parseAddress(match.to);
      if (!from || !to) return undefined;
      const { side } = match;
      return ({ skb: { packet } }) => {
        const address = side === 'source' ? packet.source : packet.destination;
        return compareAddresses(from, address) <= 0 && compareAddresses(address, to) <= 0;
      };
    }
    case 'pkttype':
      return match.type === 'unicast' || match.type === 'host' ? () => true : () => false;
    case 'set':
      return rule && unknown(`what the set ${match.name} holds`, rule);
    case 'mac':
      return rule && unknown('the MAC address of the sender', rule);
    case 'other':
      return readOther(match.extension, match.options);
  }
}

function physicalTest(match: Extract<Match, { kind: 'physdev' }>): Test {
  const not = match.not ?? false;
  const fits = nameTest(match.link ?? '');
  return ({ skb }) => {
    // Of packets that no bridge shows, only what is negated holds.
    if (skb.physicalIn === '') return not;
    const holds = {
      in: () => fits(skb.physicalIn),
      out: () => fits(skb.physicalOut),
      'is-in': () => true,
      'is-out': () => skb.physicalOut !== '',
      'is-bridged': () => skb.physicalOut !== '',
    }[match.side]();
    return holds !== not;
  };
}

/** Matches on IPv6's extension headers. */
const IP6_HEADERS = new Set(['rt', 'frag', 'hbh', 'dst', 'ah', 'mh']);

function readOther(extension: string, options: string): Test | undefined {
  // Fragments are put together again before any rule sees them, where connection tracking runs.
  if (extension === '' && options === '-f') return () => false;
  if (extension === '' && options === '! -f') return () => true;
  // No packet that is walked has such headers.
  if (IP6_HEADERS.has(extension)) return () => false;
  if (extension === 'tcp' || extension === 'udp') return options === '' ? () => true : undefined;
  if (extension === 'conntrack') return readConntrack(options.split(' '));
  return undefined;
}

function readConntrack(words: readonly string[]): Test | undefined {
  const tests: Test[] = [];
  for (let index = 0; index < words.length;) {
    const not = words[index] === '!';
    if (not) index += 1;
    const test = conntrackTest(words[index] ?? '', words[index + 1] ?? '');
    if (!test) return undefined;
    tests.push(not ? (at) => !test(at) : test);
    index += 2;
  }
  return (at) => tests.every((test) => test(at));
}

function conntrackTest(option: string, value: string): Test | undefined {
  const port = (side: 'sourcePort' | 'destinationPort'): Test => {
    const [from = NaN, to = from] = value.split(':').map(Number);
    return ({ skb: { tracked } }) => tracked !== undefined && inRange({ from, to }, tracked.flow.original[side]);
  };
  const address = (side: 'source' | 'destination'): Test | undefined => {
    const fits = prefixTest(value);
    return fits && (({ skb: { tracked } }) => tracked !== undefined && fits(tracked.flow.original[side]));
  };
  switch (option) {
    case '--ctstate':
      return readTest({ kind: 'conntrack', of: 'conntrack', states: value.split(',') as 'NEW'[] }, undefined);
    case '--ctorigdstport':
      return port('destinationPort');
    case '--ctorigsrcport':
      return port('sourcePort');
    case '--ctorigdst':
      return address('destination');
    case '--ctorigsrc':
      return address('source');
    case '--ctdir':
      return ({ skb: { tracked } }) => tracked !== undefined && tracked.isReply === (value === 'REPLY');
    case '--ctproto': {
      const number = protocolNumber(value);
      return ({ skb: { tracked } }) => tracked !== undefined && tracked.flow.original.protocol === number;
    }
    default:
      return undefined;
  }
}

const FLAGS: readonly TcpFlag[] = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'];

function flagNames(names: readonly string[]): readonly TcpFlag[] {
  return names.includes('ALL') ? FLAGS : FLAGS.filter((flag) => names.includes(flag));
}

/** Both addresses of a packet as text. */
export interface Ends {
  readonly packet: Packet;
  readonly source: string;
  readonly destination: string;
}

/**
 * Whether a rule may match. Of rules by the thousand nearly all fail in one of these matches, and are
 * never made ready.
 */
export function mayMatch(matches: readonly Match[], { inLink, outLink, skb: { packet } }: Moment, ends: Ends): boolean {
  // The last one is most often a port, which tells rules apart best.
  for (let index = matches.length - 1; index >= 0; index -= 1) {
    const match = matches[index]!;
    let holds: boolean;
    switch (match.kind) {
      case 'in':
      case 'out':
        holds = match.link === (match.kind === 'in' ? inLink : outLink);
        if (!holds && match.link.endsWith('+')) continue;
        break;
      case 'source':
      case 'destination': {
        const { prefix } = match;
        // An IPv4 address has one way to be written.
        if (!prefix.endsWith('/32') || packet.source.version === 6) continue;
        const end = ends[match.kind];
        holds = prefix.length === end.length + 3 && prefix.startsWith(end);
        break;
      }
      case 'port': {
        const { from, to } = match.range;
        const port = match.side === 'source' ? packet.sourcePort : packet.destinationPort;
        holds = port >= from && port <= to;
        break;
      }
      default:
        continue;
    }
    if (holds === (match.not ?? false)) return false;
  }
  return true;
}
