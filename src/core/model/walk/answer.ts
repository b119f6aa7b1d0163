/** What is sent back: resets, ICMP errors, the answers of listeners. */
import type { Address } from '../../address/address.ts';
import { isMulticast } from '../../address/address.ts';
import type { Tracked } from './flow.ts';
import { isIcmpError } from './flow.ts';
import type { Moment, Skb, Space } from './machine.ts';
import { ICMP, ICMP6, TCP, type Icmp, type Packet } from './packet.ts';
import type { Run } from './run.ts';

/** The way back of a packet: from where it was going to where it came from. */
export function backwards(packet: Packet): Packet {
  return {
    ...packet,
    source: packet.destination,
    sourcePort: packet.destinationPort,
    destination: packet.source,
    destinationPort: packet.sourcePort,
    ttl: 64,
    mark: 0,
  };
}

const REJECTIONS: Readonly<Record<string, readonly [type: number, code: number]>> = {
  'icmp-net-unreachable': [3, 0],
  'icmp-host-unreachable': [3, 1],
  'icmp-proto-unreachable': [3, 2],
  'icmp-prot-unreachable': [3, 2],
  'icmp-port-unreachable': [3, 3],
  'icmp-net-prohibited': [3, 9],
  'icmp-host-prohibited': [3, 10],
  'icmp-admin-prohibited': [3, 13],
  'icmp6-no-route': [1, 0],
  'icmp6-adm-prohibited': [1, 1],
  'icmp6-admin-prohibited': [1, 1],
  'icmp6-addr-unreachable': [1, 3],
  'icmp6-port-unreachable': [1, 4],
  'icmp6-policy-fail': [1, 5],
  'icmp6-reject-route': [1, 6],
};

/** In IPv6, what nftables' `icmpx` means. */
const SIXTH: Readonly<Record<string, string>> = {
  'icmp-net-unreachable': 'icmp6-no-route',
  'icmp-port-unreachable': 'icmp6-port-unreachable',
  'icmp-host-unreachable': 'icmp6-addr-unreachable',
  'icmp-admin-prohibited': 'icmp6-adm-prohibited',
};

/** What `REJECT --reject-with` sends. */
export function reject(run: Run, at: Moment, how: string): void {
  const { packet } = at.skb;
  const tracked = related(at.skb);
  const six = packet.source.version === 6;
  if (how === 'tcp-reset' || how === 'tcp reset') {
    if (packet.protocol !== TCP || packet.flags.includes('RST')) return;
    run.answer = { namespace: at.space.namespace.name, packet: resetOf(packet), tracked };
    return;
  }
  const [type, code] = REJECTIONS[six ? (SIXTH[how] ?? how) : how] ?? (six ? [1, 4] : [3, 3]);
  const local = at.hook === 'input' || at.hook === 'output';
  sendError(run, at.space, at.skb, { type, code }, local ? packet.destination : undefined);
}

export function resetOf(packet: Packet): Packet {
  const answersAck = packet.flags.includes('ACK');
  return { ...backwards(packet), flags: answersAck ? ['RST'] : ['RST', 'ACK'], size: 40 };
}

/** An answer that the kernel makes of a packet belongs to its flow, whatever becomes of that. */
function related(skb: Skb): Tracked | undefined {
  return skb.tracked && { flow: skb.tracked.flow, isReply: !skb.tracked.isReply, state: 'RELATED' };
}

/** An ICMP error about a packet. `source` undefined: the address that the way back chooses. */
export function sendError(
  run: Run,
  space: Space,
  skb: Skb,
  { type, code }: Pick<Icmp, 'type' | 'code'>,
  source?: Address,
): void {
  const { packet } = skb;
  // About errors, and to many at once, none is sent.
  if (isIcmpError(packet) || isMulticast(packet.destination) || isMulticast(packet.source)) return;
  const { version } = packet.source;
  const chosen = source ?? space.fib.sourceFor('', packet.source, version) ?? packet.destination;
  run.answer = {
    namespace: space.namespace.name,
    packet: {
      ...backwards(packet),
      source: source ?? routedSource(run, space, packet.source) ?? chosen,
      protocol: version === 4 ? ICMP : ICMP6,
      sourcePort: 0,
      destinationPort: 0,
      flags: [],
      icmp: { type, code, about: packet },
      size: 56,
    },
    tracked: related(skb),
  };
}

function routedSource(run: Run, space: Space, destination: Address): Address | undefined {
  const { route } = space.fib.lookup({ destination, mark: 0 }, (fact) => run.choices.ask(fact));
  if (!route?.link) return undefined;
  if (route.type === 'local') return destination;
  return route.source ?? space.fib.sourceFor(route.link, route.via ?? destination, destination.version);
}
