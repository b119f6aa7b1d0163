/** Matches as iptables-save writes them, both ways. */
import type { ConntrackState, Match, PortRange } from './rule.ts';
import { ports, quote, unquote, word, words } from './word.ts';

/** One match in iptables' words. Matches of one extension share its `-m` as long as `rank` rises. */
export interface MatchText {
  /** Empty for what needs no `-m`. */
  readonly extension: string;
  readonly rank: number;
  readonly text: string;
}

const STATES: readonly ConntrackState[] = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'];
const PHYSDEV_SIDES = ['in', 'is-in', 'out', 'is-out', 'is-bridged'] as const;
const ADDRESS_SIDES = { source: 'src', destination: 'dst' } as const;

/** Whether `next` goes under the same `-m` as the match printed before it. */
export function joins(last: MatchText, next: MatchText): boolean {
  return next.extension === last.extension && next.rank > last.rank && Number.isFinite(next.rank);
}

/** Undefined if the match matches everything and iptables-save leaves it out. */
export function printMatch(match: Match): MatchText | undefined {
  const not = match.not ? '! ' : '';
  const plain = (rank: number, text: string): MatchText => ({ extension: '', rank, text: not + text });
  const extended = (extension: string, text: string, rank = 0): MatchText => ({ extension, rank, text: not + text });
  switch (match.kind) {
    case 'source':
    case 'destination': {
      const prefix = withLength(word(match.prefix, 'address'));
      if (!match.not && (prefix === '0.0.0.0/0' || prefix === '::/0')) return undefined;
      return match.kind === 'source' ? plain(0, `-s ${prefix}`) : plain(1, `-d ${prefix}`);
    }
    case 'in':
      return plain(2, `-i ${word(match.link, 'link')}`);
    case 'out':
      return plain(3, `-o ${word(match.link, 'link')}`);
    case 'protocol':
      return plain(4, `-p ${word(match.name, 'protocol')}`);
    case 'port': {
      const range = ports(match.range);
      return match.side === 'source'
        ? extended(match.of, `--sport ${range}`)
        : extended(match.of, `--dport ${range}`, 1);
    }
    case 'multiport': {
      const option = { source: '--sports', destination: '--dports', either: '--ports' }[match.side];
      return extended('multiport', `${option} ${match.ranges.map((range) => ports(range)).join(',')}`);
    }
    case 'tcp-flags':
      return extended('tcp', `--tcp-flags ${flags(match.mask)} ${flags(match.set)}`, 2);
    case 'icmp-type': {
      const option = match.of === 'icmp' ? '--icmp-type' : '--icmpv6-type';
      return extended(match.of, `${option} ${word(match.type, 'ICMP type')}`);
    }
    case 'conntrack': {
      const states = STATES.filter((state) => match.states.includes(state)).join(',');
      return extended(match.of, match.of === 'conntrack' ? `--ctstate ${states}` : `--state ${states}`);
    }
    case 'addrtype': {
      const limit = match.limit ? ` --limit-iface-${match.limit}` : '';
      const option = `--${ADDRESS_SIDES[match.side]}-type ${word(match.type, 'address type')}`;
      // A limit holds for all of its `-m addrtype`: such a one stands by itself.
      return extended('addrtype', option + limit, match.limit || match.side === 'source' ? 0 : 1);
    }
    case 'mark':
    case 'connmark': {
      const mask = match.mask === undefined ? '' : `/${hex(match.mask)}`;
      return extended(match.kind, `--mark ${hex(match.value)}${mask}`);
    }
    case 'set':
      return extended('set', `--match-set ${word(match.name, 'set')} ${match.flags.join(',')}`);
    case 'comment':
      return { extension: 'comment', rank: 0, text: `--comment ${quote(match.text, 'comment')}` };
    case 'physdev': {
      const link = match.link === undefined ? '' : ` ${word(match.link, 'link')}`;
      return extended('physdev', `--physdev-${match.side}${link}`, PHYSDEV_SIDES.indexOf(match.side));
    }
    case 'iprange': {
      const range = `${word(match.from, 'address')}-${word(match.to, 'address')}`;
      return extended('iprange', `--${ADDRESS_SIDES[match.side]}-range ${range}`, match.side === 'source' ? 0 : 1);
    }
    case 'mac':
      return extended('mac', `--mac-source ${word(match.address, 'MAC address')}`);
    case 'pkttype':
      return extended('pkttype', `--pkt-type ${word(match.type, 'packet type')}`);
    case 'other': {
      // Ranks never rise from an infinite one: nothing joins a match that is carried as text.
      const extension = match.extension && word(match.extension, 'extension');
      return { extension, rank: Infinity, text: words(match.options, 'match') };
    }
  }
}

/**
 * The matches that one `-m extension` and its options stand for: as values if printing these gives
 * the same text again, else one match that carries the text.
 */
export function readMatches(extension: string, options: readonly string[]): readonly Match[] {
  const matches = readOptions(extension, options);
  const text = options.join(' ');
  return matches && printsAs(matches, text) ? matches : [{ kind: 'other', extension, options: text }];
}

/** Whether printing `next` right after `last` would put both under one `-m`. */
export function wouldJoin(last: Match, next: Match): boolean {
  const [before, after] = [printMatch(last), printMatch(next)];
  return before !== undefined && after !== undefined && joins(before, after);
}

function printsAs(matches: readonly Match[], text: string): boolean {
  const printed = matches.map((match) => printMatch(match)!);
  if (printed.some((next, index) => index > 0 && !joins(printed[index - 1]!, next))) return false;
  return printed.map((next) => next.text).join(' ') === text;
}

function readOptions(extension: string, options: readonly string[]): Match[] | undefined {
  const matches: Match[] = [];
  for (let index = 0; index < options.length;) {
    const not = options[index] === '!';
    if (not) index += 1;
    const option = options[index];
    if (extension === 'addrtype' && option?.startsWith('--limit-iface-') && matches.length === 1) {
      matches.push({ ...matches.pop(), limit: option.slice('--limit-iface-'.length) } as Match);
      index += 1;
      continue;
    }
    const values: string[] = [];
    for (index += 1; index < options.length && !isOption(options[index]!); index += 1) values.push(options[index]!);
    const match = option === undefined ? undefined : readOption(extension, option, values);
    if (!match) return undefined;
    matches.push(not ? { ...match, not } : match);
  }
  return matches.length > 0 ? matches : undefined;
}

function isOption(text: string): boolean {
  return text === '!' || text.startsWith('--');
}

function readOption(extension: string, option: string, values: readonly string[]): Match | undefined {
  const [first = '', second = ''] = values;
  switch (`${extension} ${option}`) {
    case 'tcp --sport':
    case 'udp --sport':
    case 'sctp --sport':
    case 'dccp --sport':
      return readPort(extension as 'tcp', 'source', first);
    case 'tcp --dport':
    case 'udp --dport':
    case 'sctp --dport':
    case 'dccp --dport':
      return readPort(extension as 'tcp', 'destination', first);
    case 'tcp --tcp-flags':
      return { kind: 'tcp-flags', mask: readFlags(first), set: readFlags(second) };
    case 'multiport --sports':
      return readMultiport('source', first);
    case 'multiport --dports':
      return readMultiport('destination', first);
    case 'multiport --ports':
      return readMultiport('either', first);
    case 'icmp --icmp-type':
      return { kind: 'icmp-type', of: 'icmp', type: first };
    case 'icmp6 --icmpv6-type':
      return { kind: 'icmp-type', of: 'icmp6', type: first };
    case 'conntrack --ctstate':
    case 'state --state':
      return { kind: 'conntrack', of: extension as 'state', states: first.split(',') as ConntrackState[] };
    case 'addrtype --src-type':
      return { kind: 'addrtype', side: 'source', type: first };
    case 'addrtype --dst-type':
      return { kind: 'addrtype', side: 'destination', type: first };
    case 'mark --mark':
    case 'connmark --mark':
      return readMark(extension as 'mark', first);
    case 'set --match-set':
      return { kind: 'set', name: first, flags: second.split(',') as ('src' | 'dst')[] };
    case 'comment --comment':
      return { kind: 'comment', text: unquote(first) };
    case 'iprange --src-range':
      return readAddressRange('source', first);
    case 'iprange --dst-range':
      return readAddressRange('destination', first);
    case 'mac --mac-source':
      return { kind: 'mac', address: first };
    case 'pkttype --pkt-type':
      return { kind: 'pkttype', type: first };
    default:
      return readPhysdev(extension, option, values);
  }
}

function readPhysdev(extension: string, option: string, values: readonly string[]): Match | undefined {
  const side = PHYSDEV_SIDES.find((name) => option === `--physdev-${name}`);
  if (extension !== 'physdev' || !side) return undefined;
  return values[0] === undefined ? { kind: 'physdev', side } : { kind: 'physdev', side, link: values[0] };
}

function readPort(
  of: 'tcp' | 'udp' | 'sctp' | 'dccp',
  side: 'source' | 'destination',
  text: string,
): Match | undefined {
  const range = readPorts(text, ':');
  return range && { kind: 'port', of, side, range };
}

function readMultiport(side: 'source' | 'destination' | 'either', text: string): Match | undefined {
  const ranges = text.split(',').map((part) => readPorts(part, ':'));
  return ranges.every((range) => range !== undefined) ? { kind: 'multiport', side, ranges } : undefined;
}

/** `80` or `80:90` (`joint` between the two); undefined for anything else. */
export function readPorts(text: string, joint: ':' | '-'): PortRange | undefined {
  const [from, to = from, ...more] = text.split(joint).map((part) => (/^\d{1,5}$/.test(part) ? Number(part) : NaN));
  if (from === undefined || to === undefined || more.length > 0) return undefined;
  return from <= 65535 && to <= 65535 ? { from, to } : undefined;
}

function readMark(kind: 'mark' | 'connmark', text: string): Match | undefined {
  const [value, mask] = text.split('/').map(Number);
  if (value === undefined || Number.isNaN(value)) return undefined;
  return mask === undefined ? { kind, value } : { kind, value, mask };
}

function readAddressRange(side: 'source' | 'destination', text: string): Match {
  const [from = '', to = ''] = text.split('-');
  return { kind: 'iprange', side, from, to };
}

function readFlags(text: string): string[] {
  return text === 'NONE' ? [] : text.split(',');
}

function flags(names: readonly string[]): string {
  return names.length === 0 ? 'NONE' : names.map((name) => word(name, 'TCP flag')).join(',');
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function withLength(prefix: string): string {
  if (prefix.includes('/')) return prefix;
  return prefix.includes(':') ? `${prefix}/128` : `${prefix}/32`;
}
