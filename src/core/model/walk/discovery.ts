/**
 * IPv6's neighbour discovery: unlike ARP it goes through the rules, those of both ends and of the
 * bridges between. Who drops it keeps the hosts from finding each other.
 */
import type { Address, Words } from '../../address/address.ts';
import type { LinkPlace } from '../link.ts';
import { callsIptables } from './bridge.ts';
import type { Space } from './machine.ts';
import { ICMP6, type Packet } from './packet.ts';
import { pass } from './pass.ts';
import { newSkb, type Run } from './run.ts';
import type { End } from './step.ts';

const SOLICITATION = 135;
const ADVERTISEMENT = 136;

/** The rule that keeps `next`, which is at `to`, from being found; undefined: it is found. */
export function stopsDiscovery(run: Run, from: LinkPlace, to: LinkPlace, next: Address): End | undefined {
  if (run.neighbours.has(nameOf(from, next))) return undefined;
  const { steps, passages, answer } = run;
  // It is not what is asked for: only its failure is told.
  run.steps = [];
  run.passages = [];
  const own = run.space(from.namespace).fib.sourceFor(from.link, next, 6) ?? next;
  const unheard = carry(run, from, to, message(own, solicitedNode(next), SOLICITATION));
  // Who hears the question knows who asks.
  if (!unheard) run.neighbours.add(nameOf(to, own));
  const end = unheard ?? carry(run, to, from, message(next, own, ADVERTISEMENT));
  if (!end) run.neighbours.add(nameOf(from, next));
  run.steps = steps;
  run.passages = passages;
  run.answer = answer;
  return end;
}

const nameOf = ({ namespace, link }: LinkPlace, { words }: Address) => `${namespace} ${link} ${words.join('.')}`;

function message(source: Address, destination: Address, type: number): Packet {
  return {
    source,
    destination,
    protocol: ICMP6,
    sourcePort: 0,
    destinationPort: 0,
    flags: [],
    icmp: { type, code: 0 },
    ttl: 255,
    size: 72,
    dontFragment: true,
    mark: 0,
  };
}

/** ff02::1:ff00:0/104 with the address's last 24 bits. */
function solicitedNode({ words }: Address): Address {
  const last = (0xff000000 | (words[3] & 0xffffff)) >>> 0;
  return { version: 6, words: [0xff020000, 0, 1, last] as Words };
}

/** From a link to another one that hears it: over a cable, perhaps over one bridge. */
function carry(run: Run, from: LinkPlace, to: LinkPlace, packet: Packet): End | undefined {
  const out = { inLink: '', outLink: from.link };
  const sender = run.space(from.namespace);
  const sent = newSkb(packet);
  const stopped =
    pass(run, sender, sent, { hook: 'output', ...out }) ?? pass(run, sender, sent, { hook: 'postrouting', ...out });
  if (stopped) return stopped;
  const bridge = bridgeAfter(run, from);
  const isReceiver = bridge?.namespace === to.namespace && bridge.link === to.link;
  const skb = newSkb(packet);
  const shown = bridge !== undefined && callsIptables(run, run.space(bridge.namespace), bridge.link, skb);
  if (shown) {
    const both = { inLink: bridge.link, outLink: bridge.link };
    const space = run.space(bridge.namespace);
    const end =
      pass(run, space, skb, { hook: 'prerouting', inLink: bridge.link, outLink: '' }) ??
      (isReceiver ? undefined : bridged(run, space, skb, both));
    if (end) return end;
  }
  const receiver = run.space(to.namespace);
  const arrived = shown && isReceiver ? skb : newSkb(packet);
  const before =
    arrived === skb ? undefined : pass(run, receiver, arrived, { hook: 'prerouting', inLink: to.link, outLink: '' });
  return before ?? pass(run, receiver, arrived, { hook: 'input', inLink: to.link, outLink: '' });
}

function bridged(run: Run, space: Space, skb: Parameters<typeof pass>[2], both: { inLink: string; outLink: string }) {
  return (
    pass(run, space, skb, { hook: 'forward', ...both }) ??
    pass(run, space, skb, { hook: 'postrouting', inLink: '', outLink: both.outLink })
  );
}

/** The bridge that the other end of a cable is plugged into. */
function bridgeAfter(run: Run, from: LinkPlace): LinkPlace | undefined {
  const peer = run.topology.link(from)?.peer;
  const master = peer && run.topology.link(peer)?.master;
  return master === undefined ? undefined : { namespace: peer!.namespace, link: master };
}
