/** What a rule says, as a sentence: for rules whose author is not here to say why. */
import type { Match, PortRange, Rule, Target } from '../../firewall/rule.ts';

/** `TCP packets from 10.0.0.0/8 to port 22 that come in by eth0 are accepted.` */
export function sentence({ matches, target }: Pick<Rule, 'matches' | 'target'>): string {
  const protocol = matches.find((match) => match.kind === 'protocol');
  const subject = protocol && !protocol.not ? `${protocol.name.toUpperCase()} packets` : 'Packets';
  const phrases = matches.flatMap((match) => (match === protocol && !match.not ? [] : (phrase(match) ?? [])));
  const subjectWith = phrases.length === 0 && !protocol ? 'All packets' : [subject, ...phrases].join(' ');
  return `${subjectWith} ${predicate(target)}.`;
}

function phrase(match: Match): string | undefined {
  const but = match.not ? 'not ' : '';
  switch (match.kind) {
    case 'in':
      return match.not ? `that come in by any link but ${match.link}` : `that come in by ${match.link}`;
    case 'out':
      return match.not ? `that go out by any link but ${match.link}` : `that go out by ${match.link}`;
    case 'source':
      return match.not ? `from anywhere but ${match.prefix}` : `from ${match.prefix}`;
    case 'destination':
      return match.not ? `to anywhere but ${match.prefix}` : `to ${match.prefix}`;
    case 'protocol':
      return `of another protocol than ${match.name}`;
    case 'port':
      return `${match.side === 'source' ? 'from' : 'to'} ${match.not ? 'ports other than' : 'port'} ${range(match.range)}`;
    case 'multiport': {
      const list = match.ranges.map(range).join(', ');
      const way = { source: 'from', destination: 'to', either: 'from or to' }[match.side];
      return `${way} ${match.not ? 'ports other than' : 'one of the ports'} ${list}`;
    }
    case 'conntrack':
      return `${but}of connections that are ${match.states.join(' or ').toLowerCase()}`;
    case 'addrtype':
      return match.type === 'LOCAL'
        ? match.side === 'destination'
          ? `${but}for an address of this host itself`
          : `${but}from an address of this host itself`
        : `whose ${match.side} is ${but}${match.type.toLowerCase()}`;
    case 'mark':
    case 'connmark':
      return `${match.not ? 'without' : 'with'} the ${match.kind === 'mark' ? 'mark' : 'connection mark'} 0x${match.value.toString(16)}`;
    case 'set':
      return `${but}in the set ${match.name}`;
    case 'tcp-flags':
      return `${but}with exactly the flags ${match.set.join(',') || 'none'} of ${match.mask.join(',')}`;
    case 'icmp-type':
      return `${but}of ICMP type ${match.type}`;
    case 'physdev':
      return match.link === undefined ? `that are ${but}bridged` : `that ${but}pass the bridge port ${match.link}`;
    case 'iprange':
      return `${match.side === 'source' ? 'from' : 'to'} ${but}${match.from}-${match.to}`;
    case 'mac':
      return `${but}from the hardware address ${match.address}`;
    case 'pkttype':
      return `${but}sent as ${match.type}`;
    case 'comment':
      return undefined;
    case 'other':
      return `${but}matching ${[match.extension, match.options].filter(Boolean).join(' ')}`;
  }
}

function predicate(target: Target): string {
  switch (target.kind) {
    case 'accept':
      return 'are accepted';
    case 'drop':
      return 'are dropped in silence';
    case 'reject':
      return `are refused (${target.with})`;
    case 'return':
      return 'are left to the chain that led here';
    case 'none':
      return 'are only counted';
    case 'jump':
    case 'goto':
      return `go on to the chain ${target.chain}`;
    case 'masquerade':
      return "get the host's address on the way out as their source";
    case 'snat':
      return `get ${target.to} as their source`;
    case 'dnat':
      return `go to ${target.to} instead`;
    case 'redirect':
      return target.ports ? `go to port ${range(target.ports)} of this host instead` : 'go to this host instead';
    case 'netmap':
      return `have their network mapped to ${target.to}`;
    case 'mark':
      return `are marked (${target.options})`;
    case 'connmark':
      return `exchange marks with their connection (${target.options})`;
    case 'log':
      return 'are written to the log';
    case 'nflog':
      return 'are handed to a log daemon';
    case 'other':
      return `are handed to ${[target.name, target.options].filter(Boolean).join(' ')}`;
  }
}

function range({ from, to }: PortRange): string {
  return from === to ? String(from) : `${from}-${to}`;
}
