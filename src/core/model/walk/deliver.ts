/** A packet has come to its host: who takes it there, and what goes back. */
import { equalAddresses, isMulticast } from '../../address/address.ts';
import type { Listener } from '../linux.ts';
import { backwards, resetOf, sendError } from './answer.ts';
import { isIcmpError } from './flow.ts';
import type { Skb, Space } from './machine.ts';
import { ICMP, ICMP6, invert, protocolName, TCP, tupleKey, tupleOf, UDP, type Packet } from './packet.ts';
import type { Run } from './run.ts';
import type { End } from './step.ts';

export function deliver(run: Run, space: Space, inLink: string, skb: Skb): End {
  const { packet } = skb;
  if (isAwaited(run, space, packet)) {
    run.returned = packet;
    return run.end(space, skb, { kind: 'accepted', link: inLink, text: 'the sender gets its answer' }, 'socket');
  }
  switch (packet.protocol) {
    case TCP:
      return deliverTcp(run, space, inLink, skb);
    case UDP:
      return deliverUdp(run, space, inLink, skb);
    case ICMP:
    case ICMP6:
      return deliverIcmp(run, space, inLink, skb);
    default: {
      sendError(
        run,
        space,
        skb,
        packet.source.version === 4 ? { type: 3, code: 2 } : { type: 4, code: 1 },
        packet.destination,
      );
      const text = `${space.namespace.name} does not speak ${protocolName(packet.protocol)}`;
      return run.end(space, skb, { kind: 'refused', link: inLink, dropReason: 'IP_NOPROTO', text }, 'socket');
    }
  }
}

/** Whether it is what the sender waits for: an answer to its packet, or an error about it. */
function isAwaited({ sent }: Run, space: Space, packet: Packet): boolean {
  if (!sent || space.namespace.name !== sent.namespace) return false;
  const about = isIcmpError(packet) ? packet.icmp?.about : undefined;
  if (about) return tupleKey(tupleOf(about)) === tupleKey(tupleOf(sent.packet));
  return tupleKey(tupleOf(packet)) === tupleKey(invert(tupleOf(sent.packet))) && !isQuestion(packet);
}

const isQuestion = ({ icmp, protocol, flags }: Packet) =>
  (icmp !== undefined && (icmp.type === 8 || icmp.type === 128)) ||
  (protocol === TCP && flags.includes('SYN') && !flags.includes('ACK'));

/** The listener that the kernel would choose. Where sockets were not given, one is assumed or not. */
function listenerFor(run: Run, space: Space, inLink: string, packet: Packet): Listener | 'assumed' | undefined {
  const { namespace } = space;
  const protocol = packet.protocol === TCP ? 'tcp' : 'udp';
  const fitting = namespace.listeners.filter(
    (its) =>
      its.protocol === protocol &&
      its.port === packet.destinationPort &&
      (its.link === undefined || its.link === inLink) &&
      (its.address
        ? equalAddresses(its.address, packet.destination)
        : its.version === 'both' || its.version === packet.destination.version),
  );
  const best = fitting.find(({ address }) => address) ?? fitting[0];
  if (best || !namespace.unknown.has('sockets')) return best;
  if (run.assumesListeners) return 'assumed';
  const where = `port ${packet.destinationPort}/${protocol} in ${namespace.name}`;
  const listens = run.choices.ask({ key: `listener ${where}`, missing: `whether anything listens on ${where}` });
  return listens ? 'assumed' : undefined;
}

function deliverTcp(run: Run, space: Space, inLink: string, skb: Skb): End {
  const { packet } = skb;
  const { name } = space.namespace;
  const begins = packet.flags.includes('SYN') && !packet.flags.includes('ACK') && !packet.flags.includes('RST');
  if (run.isConnected && !begins && !packet.flags.includes('RST')) {
    run.answer = { namespace: name, packet: { ...backwards(packet), flags: ['ACK'] }, tracked: undefined };
    const text = `the connection's socket in ${name} takes it`;
    return run.end(space, skb, { kind: 'accepted', link: inLink, text }, 'socket');
  }
  const asks = begins || !(packet.flags.includes('ACK') || packet.flags.includes('RST'));
  const listener = asks ? listenerFor(run, space, inLink, packet) : undefined;
  if (listener && !begins) {
    const text = `the listener on port ${packet.destinationPort} in ${name} passes over what neither begins nor belongs to a connection`;
    return run.end(space, skb, { kind: 'dropped', link: inLink, dropReason: 'TCP_FLAGS', text }, 'socket');
  }
  if (listener) {
    const answer = { ...backwards(packet), flags: ['SYN', 'ACK'] as const, size: 60 };
    run.answer = { namespace: name, packet: answer, tracked: undefined };
    const who = listener === 'assumed' ? '' : (listener.process ?? '');
    const text = `${who || 'a socket'} listens on port ${packet.destinationPort} in ${name}`;
    return taken(run, space, inLink, skb, text, listener);
  }
  if (!packet.flags.includes('RST')) {
    run.answer = { namespace: name, packet: resetOf(packet), tracked: undefined };
  }
  const text = begins
    ? `nobody listens on port ${packet.destinationPort}/tcp in ${name}`
    : `no connection in ${name} that it belongs to`;
  return run.end(space, skb, { kind: 'refused', link: inLink, dropReason: 'NO_SOCKET', text }, 'socket');
}

function taken(run: Run, space: Space, link: string, skb: Skb, text: string, listener: Listener | 'assumed'): End {
  const end = run.end(space, skb, { kind: 'accepted', link, text }, 'socket');
  const assumed = listener === 'assumed' && run.assumesListeners;
  if (assumed) run.assume(`something listens on port ${skb.packet.destinationPort} in ${space.namespace.name}`);
  return end;
}

function deliverUdp(run: Run, space: Space, inLink: string, skb: Skb): End {
  const { packet } = skb;
  const { name } = space.namespace;
  const listener = listenerFor(run, space, inLink, packet);
  if (listener) {
    run.answer = { namespace: name, packet: backwards(packet), tracked: undefined };
    const who = listener === 'assumed' ? '' : (listener.process ?? '');
    const text = `${who || 'a socket'} takes port ${packet.destinationPort}/udp in ${name}`;
    return taken(run, space, inLink, skb, text, listener);
  }
  if (skb.route?.type === 'local' && !isMulticast(packet.destination)) {
    sendError(
      run,
      space,
      skb,
      packet.source.version === 4 ? { type: 3, code: 3 } : { type: 1, code: 4 },
      packet.destination,
    );
  }
  const text = `nobody takes port ${packet.destinationPort}/udp in ${name}`;
  return run.end(space, skb, { kind: 'refused', link: inLink, dropReason: 'NO_SOCKET', text }, 'socket');
}

function deliverIcmp(run: Run, space: Space, inLink: string, skb: Skb): End {
  const { packet } = skb;
  const { name } = space.namespace;
  if (packet.icmp?.type === 8 || packet.icmp?.type === 128) {
    const type = packet.icmp.type === 8 ? 0 : 129;
    if (skb.route?.type !== 'broadcast') {
      run.answer = { namespace: name, packet: { ...backwards(packet), icmp: { type, code: 0 } }, tracked: undefined };
    }
    return run.end(space, skb, { kind: 'answered', link: inLink, text: `${name} answers the echo request` }, 'socket');
  }
  const text = `${name} takes note of it`;
  return run.end(space, skb, { kind: 'accepted', link: inLink, text }, 'socket');
}
