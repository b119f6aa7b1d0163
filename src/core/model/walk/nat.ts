/** What NAT targets and statements do to a flow. */
import { equalAddresses, parseAddress, type Address } from '../../address/address.ts';
import type { PortRange } from '../../firewall/rule.ts';
import type { Manipulation } from './flow.ts';
import { ACCEPT, DROP, type Moment, type Result } from './machine.ts';
import { hasPorts, invert, printPacket } from './packet.ts';

export interface NatTarget {
  readonly address?: Address | undefined;
  readonly ports?: PortRange | undefined;
  readonly assumption?: string | undefined;
}

/** `1.2.3.4`, `1.2.3.4:80`, `1.2.3.4-1.2.3.9`, `:80-90`, `[fd00::2]:80`; undefined if it is none of these. */
export function parseNatTarget(text: string): NatTarget | undefined {
  // Of IPv6 without brackets all is the address.
  const whole = parseAddress(text);
  if (whole) return { address: whole };
  const [, bracketed, plain, , from, to] =
    /^(?:\[([^\]]+)\]|([^:]*?|[\da-f:.-]+?))(:(\d+)(?:-(\d+))?)?$/.exec(text) ?? [];
  const range = bracketed ?? plain ?? '';
  const [first = '', last] = range.split('-');
  const address = first === '' ? undefined : parseAddress(first);
  if (first !== '' && !address) return undefined;
  if (first === '' && from === undefined) return undefined;
  return {
    address,
    ports: from === undefined ? undefined : { from: Number(from), to: Number(to ?? from) },
    assumption: last === undefined ? undefined : `of the addresses ${range} the first is taken`,
  };
}

/** Gives the flow its translation. Outside of NEW flows nothing is set up. */
export function setUp(at: Moment, side: Manipulation, target: NatTarget): Result {
  const { tracked, packet } = at.skb;
  if (!tracked || tracked.flow.done[side]) return ACCEPT;
  const { flow } = tracked;
  const seen = invert(flow.reply);
  const oldAddress = side === 'source' ? seen.source : seen.destination;
  const oldPort = side === 'source' ? seen.sourcePort : seen.destinationPort;
  const address = target.address ?? oldAddress;
  const keeps = !target.ports || (oldPort >= target.ports.from && oldPort <= target.ports.to && side === 'source');
  const port = keeps || !hasPorts(packet.protocol) ? oldPort : target.ports.from;
  const changed =
    side === 'source'
      ? { ...seen, source: address, sourcePort: port }
      : { ...seen, destination: address, destinationPort: port };
  flow.reply = invert(changed);
  flow.done[side] = true;
  flow.translated[side] = !equalAddresses(address, oldAddress) || port !== oldPort;
  const several = target.ports && target.ports.from !== target.ports.to && !keeps;
  const assumption =
    target.assumption ??
    (several ? `of the ports ${target.ports.from}-${target.ports.to} the first is taken` : undefined);
  const word = side === 'source' ? 'source' : 'destination';
  const to = printPacket({ ...packet, ...changed });
  return { kind: 'accept', text: `${word} NAT: ${to}`, ...(assumption !== undefined && { assumption }) };
}

/** The address of the link that the packet leaves by. */
export function masquerade(at: Moment, ports?: PortRange): Result {
  const { packet, route } = at.skb;
  const next = route?.via ?? packet.destination;
  const address = at.space.fib.sourceFor(at.outLink, next, packet.source.version);
  return address ? setUp(at, 'source', { address, ports }) : DROP;
}

/** To this host itself: loopback for its own packets, else the first address of the link that they came by. */
export function redirect(at: Moment, ports?: PortRange): Result {
  const { version } = at.skb.packet.destination;
  const address =
    at.hook === 'output'
      ? parseAddress(version === 4 ? '127.0.0.1' : '::1')
      : at.space.namespace.addresses.find((own) => own.link === at.inLink && own.address.version === version)?.address;
  return address ? setUp(at, 'destination', { address, ports }) : DROP;
}
