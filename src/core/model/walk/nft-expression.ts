/** nftables' expressions: what a rule looks at. */
import { printWord, type Json, type JsonObject } from '../../firewall/nft/ruleset.ts';
import type { Moment } from './machine.ts';
import {
  DIRECTIONS,
  ETHER_TYPES,
  ICMP6_TYPES,
  ICMP_TYPES,
  isObject,
  NF_PROTOCOLS,
  number,
  PACKET_TYPES,
  PROTOCOLS,
  readNumber,
  STATES,
  STATUSES,
  TCP_FLAGS,
  text,
  type NftValue,
} from './nft-value.ts';
import { hasPorts, ICMP, ICMP6, SCTP, TCP, UDP } from './packet.ts';

/** `break`: the packet has nothing of the kind, so the rule does not match. `unknown`: can't be said. */
export type Evaluated = NftValue | 'break' | 'unknown';

export type Expression = (at: Moment) => Evaluated;

const always =
  (value: Evaluated): Expression =>
  () =>
    value;

export function readExpression(json: Json, lookUp: (map: Json, key: NftValue) => Json | undefined): Expression {
  if (!isObject(json)) return always('unknown');
  const [kind, of] = Object.entries(json)[0] ?? [];
  switch (kind) {
    case 'payload':
      return isObject(of) ? payload(of) : always('unknown');
    case 'meta':
      return isObject(of) ? meta(printWord(of['key'])) : always('unknown');
    case 'ct':
      return isObject(of) ? ct(of) : always('unknown');
    case 'fib':
      return isObject(of) ? fib(of) : always('unknown');
    case 'concat':
      return Array.isArray(of) ? concat(of as readonly Json[], lookUp) : always('unknown');
    case '&':
    case '|':
    case '^':
    case '<<':
    case '>>':
      return Array.isArray(of) ? binary(kind, of as readonly Json[], lookUp) : always('unknown');
    default:
      return always('unknown');
  }
}

const PORTED: Readonly<Record<string, (protocol: number) => boolean>> = {
  tcp: (protocol) => protocol === TCP,
  udp: (protocol) => protocol === UDP,
  sctp: (protocol) => protocol === SCTP,
  th: hasPorts,
};

function payload(of: JsonObject): Expression {
  const protocol = printWord(of['protocol']);
  const field = printWord(of['field']);
  const ported = PORTED[protocol];
  if (ported && (field === 'sport' || field === 'dport')) {
    return ({ skb: { packet } }) =>
      ported(packet.protocol) ? number(field === 'sport' ? packet.sourcePort : packet.destinationPort) : 'break';
  }
  switch (`${protocol} ${field}`) {
    case 'ip saddr':
    case 'ip6 saddr':
    case 'ip daddr':
    case 'ip6 daddr': {
      const version = protocol === 'ip' ? 4 : 6;
      const side = field === 'saddr' ? 'source' : 'destination';
      return ({ skb: { packet } }) =>
        packet[side].version === version ? { kind: 'address', address: packet[side] } : 'break';
    }
    case 'ip protocol':
      return ({ skb: { packet } }) => (packet.source.version === 4 ? number(packet.protocol, PROTOCOLS) : 'break');
    case 'ip6 nexthdr':
      return ({ skb: { packet } }) => (packet.source.version === 6 ? number(packet.protocol, PROTOCOLS) : 'break');
    case 'ip ttl':
    case 'ip6 hoplimit':
      return ({ skb: { packet } }) => number(packet.ttl);
    case 'ip length':
      return ({ skb: { packet } }) => (packet.source.version === 4 ? number(packet.size) : 'break');
    case 'tcp flags':
      return ({ skb: { packet } }) =>
        packet.protocol === TCP
          ? number(
              packet.flags.reduce((all, flag) => all | (TCP_FLAGS(flag.toLowerCase()) ?? 0), 0),
              TCP_FLAGS,
            )
          : 'break';
    case 'icmp type':
    case 'icmp code':
    case 'icmpv6 type':
    case 'icmpv6 code': {
      const wanted = protocol === 'icmp' ? ICMP : ICMP6;
      const names = protocol === 'icmp' ? ICMP_TYPES : ICMP6_TYPES;
      return ({ skb: { packet } }) =>
        packet.icmp && packet.protocol === wanted
          ? number(field === 'type' ? packet.icmp.type : packet.icmp.code, field === 'type' ? names : undefined)
          : 'break';
    }
    default:
      return always('unknown');
  }
}

function meta(key: string): Expression {
  switch (key) {
    case 'iifname':
    case 'iif':
      return (at) => text(at.inLink);
    case 'oifname':
    case 'oif':
      // Where the hook has no such link, its name is empty.
      return (at) => text(at.outLink);
    case 'l4proto':
      return ({ skb: { packet } }) => number(packet.protocol, PROTOCOLS);
    case 'nfproto':
      return ({ skb: { packet } }) => number(packet.source.version === 4 ? 2 : 10, NF_PROTOCOLS);
    case 'protocol':
      return ({ skb: { packet } }) => number(packet.source.version === 4 ? 0x0800 : 0x86dd, ETHER_TYPES);
    case 'mark':
      return ({ skb: { packet } }) => number(packet.mark);
    case 'length':
      return ({ skb: { packet } }) => number(packet.size);
    case 'pkttype':
      return () => number(0, PACKET_TYPES);
    default:
      return always('unknown');
  }
}

const STATE_BITS = { INVALID: 1, ESTABLISHED: 2, RELATED: 4, NEW: 8, UNTRACKED: 64 } as const;

function ct(of: JsonObject): Expression {
  const key = printWord(of['key']);
  const reply = of['dir'] === 'reply';
  const tuple = ({ skb: { tracked } }: Moment) => tracked && (reply ? tracked.flow.reply : tracked.flow.original);
  switch (key) {
    case 'state':
      return ({ skb }) => (skb.state === undefined ? 'break' : number(STATE_BITS[skb.state], STATES));
    case 'status':
      return ({ skb: { tracked } }) => {
        if (!tracked) return 'break';
        const { flow } = tracked;
        const bits = [
          flow.seenReply && 2,
          flow.seenReply && 4,
          flow.confirmed && 8,
          flow.translated.source && 16,
          flow.translated.destination && 32,
        ];
        return number(
          bits.reduce<number>((all, bit) => all | (bit || 0), 0),
          STATUSES,
        );
      };
    case 'direction':
      return ({ skb: { tracked } }) => (tracked ? number(Number(tracked.isReply), DIRECTIONS) : 'break');
    case 'mark':
      return ({ skb: { tracked } }) => (tracked ? number(tracked.flow.mark) : 'break');
    case 'protocol':
      return (at) => number(tuple(at)?.protocol ?? 0, PROTOCOLS);
    case 'saddr':
    case 'ip saddr':
    case 'ip6 saddr':
    case 'daddr':
    case 'ip daddr':
    case 'ip6 daddr':
      return (at) => {
        const its = tuple(at);
        return its ? { kind: 'address', address: key.endsWith('saddr') ? its.source : its.destination } : 'break';
      };
    case 'proto-src':
    case 'proto-dst':
      return (at) => {
        const its = tuple(at);
        return its ? number(key === 'proto-src' ? its.sourcePort : its.destinationPort) : 'break';
      };
    default:
      return always('unknown');
  }
}

function fib(of: JsonObject): Expression {
  const flags = Array.isArray(of['flags']) ? (of['flags'] as readonly Json[]).map(printWord) : [printWord(of['flags'])];
  const side = flags.includes('saddr') ? 'source' : 'destination';
  const link = (at: Moment) => (flags.includes('iif') ? at.inLink : flags.includes('oif') ? at.outLink : undefined);
  if (of['result'] === 'type') {
    return (at) => text(at.space.fib.addressType(at.skb.packet[side], link(at)));
  }
  return (at) => {
    const { packet } = at.skb;
    const { route } = at.space.fib.lookup(
      {
        destination: packet[side],
        ...(flags.includes('saddr') && flags.includes('daddr') && { source: packet.destination }),
        mark: flags.includes('mark') ? packet.mark : 0,
        outLink: link(at),
      },
      (fact) => at.choices.ask(fact),
    );
    // What is said is the link's name, or that there is none (0).
    const found = route?.link ?? '';
    return typeof of['result'] === 'string' && of['result'] === 'oif' && found === '' ? number(0) : text(found);
  };
}

function concat(parts: readonly Json[], lookUp: (map: Json, key: NftValue) => Json | undefined): Expression {
  const expressions = parts.map((part) => readExpression(part, lookUp));
  return (at) => {
    const values: NftValue[] = [];
    for (const expression of expressions) {
      const value = expression(at);
      if (typeof value === 'string') return value;
      values.push(value);
    }
    return { kind: 'concat', parts: values };
  };
}

const OPERATIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >>> b,
};

function binary(
  operator: string,
  [left = null, right = null]: readonly Json[],
  lookUp: (map: Json, key: NftValue) => Json | undefined,
): Expression {
  const expression = readExpression(left, lookUp);
  return (at) => {
    const value = expression(at);
    if (typeof value === 'string') return value;
    if (value.kind !== 'number') return 'unknown';
    const other = readNumber(right, value.names);
    if (other === undefined) return 'unknown';
    return number(OPERATIONS[operator]!(value.number, other) >>> 0, value.names);
  };
}
