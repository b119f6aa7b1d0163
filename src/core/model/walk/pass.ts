/** A packet passes a hook: every base chain there must let it, and connection tracking and NAT have their turns. */
import { isIcmpError, translate, type Flow, type Manipulation } from './flow.ts';
import { hooksOf } from './hooks.ts';
import { runBase, type Moment, type Skb, type Space } from './machine.ts';
import { ICMP, ICMP6, printPacket, type Packet } from './packet.ts';
import { reject } from './answer.ts';
import type { Run } from './run.ts';
import type { End, Passage } from './step.ts';

/** Undefined: it may go on. */
export function pass(
  run: Run,
  space: Space,
  skb: Skb,
  passage: Pick<Passage, 'hook' | 'inLink' | 'outLink'>,
): End | undefined {
  const namespace = space.namespace.name;
  const note = (edge: Passage['edge']) =>
    run.passages.push({ namespace, ...passage, edge, packet: skb.packet, steps: run.steps.length });
  note('begin');
  const hooks = hooksOf(space.namespace, skb.packet.source.version);
  const tell: Moment['tell'] = (step) => run.tell({ ...step, namespace, hook: passage.hook });
  const at: Moment = { space, choices: run.choices, ...passage, skb, tell };
  for (const station of hooks.at(passage.hook)) {
    switch (station.kind) {
      case 'conntrack':
        track(run, at);
        break;
      case 'nat': {
        const dropped = nat(run, at, station.lookups);
        if (dropped) return dropped;
        break;
      }
      case 'confirm':
        if (skb.tracked && !skb.tracked.isReply && !skb.tracked.flow.confirmed) space.flows.insert(skb.tracked.flow);
        break;
      case 'chain': {
        const end = decide(run, at, station.base);
        if (end) return end;
        break;
      }
    }
  }
  note('end');
  return undefined;
}

function decide(run: Run, at: Moment, base: Parameters<typeof runBase>[0]): End | undefined {
  const decision = runBase(base, at);
  if (decision.kind === 'accept') return undefined;
  const { name } = at.space.namespace;
  const { place } = decision;
  if (decision.kind === 'reject') reject(run, at, decision.with ?? '');
  return {
    kind: decision.kind === 'reject' ? 'rejected' : 'blocked',
    namespace: name,
    packet: at.skb.packet,
    rule: place,
    dropReason: 'NETFILTER_DROP',
    text:
      place.index === undefined
        ? `the policy of ${place.table} ${place.chain} in ${name} drops it`
        : `a rule of ${place.table} ${place.chain} in ${name} ${decision.kind === 'reject' ? 'rejects' : 'drops'} it: ${place.text ?? ''}`,
  };
}

function track(run: Run, at: Moment): void {
  const { skb, space } = at;
  // Seen already (loopback), or a rule said not to.
  if (skb.state !== undefined) return;
  if (isUntracked(skb.packet)) {
    skb.state = 'UNTRACKED';
    return;
  }
  const tracked = run.given === 'invalid' ? undefined : space.flows.track(skb.packet);
  const assumed = run.given === 'established' && tracked?.state === 'NEW' && !tracked.flow.confirmed;
  if (assumed) establish(tracked.flow);
  skb.tracked = tracked;
  skb.state = assumed ? 'ESTABLISHED' : (tracked?.state ?? 'INVALID');
  at.tell({
    kind: 'conntrack',
    decision: skb.state.toLowerCase(),
    detail: tracked?.isReply
      ? 'an answer'
      : tracked
        ? 'the original direction'
        : 'no flow that it could belong to or begin',
    before: skb.packet,
    after: skb.packet,
    ...(assumed && { assumption: 'the flow was let through before, untranslated: today it would not be' }),
  });
}

/** What IPv6 asks and says of neighbours, routers and groups belongs to no flow. */
const isUntracked = ({ protocol, icmp }: Packet) =>
  protocol === ICMP6 && icmp !== undefined && ((icmp.type >= 130 && icmp.type <= 136) || icmp.type === 143);

/** As if it had been let through, when rules were others. */
function establish(flow: Flow): void {
  flow.seenReply = true;
  flow.done.source = true;
  flow.done.destination = true;
}

function nat(run: Run, at: Moment, lookups: readonly Parameters<typeof runBase>[0][]): End | undefined {
  const { skb, hook } = at;
  const { tracked, state } = skb;
  if (!tracked || state === 'INVALID' || state === 'UNTRACKED') return undefined;
  const side: Manipulation = hook === 'prerouting' || hook === 'output' ? 'destination' : 'source';
  const { flow } = tracked;
  const isError = isIcmpError(skb.packet) && (skb.packet.protocol === ICMP || skb.packet.protocol === ICMP6);
  if ((state === 'NEW' || state === 'RELATED') && !isError && !flow.done[side]) {
    for (const base of lookups) {
      const end = decide(run, at, base);
      if (end) return end;
      if (flow.done[side]) break;
    }
    flow.done[side] = true;
  }
  const before = skb.packet;
  const after = translate(before, tracked, side);
  if (after === before) return undefined;
  skb.packet = after;
  at.tell({
    kind: 'nat',
    decision: tracked.isReply ? `${side} translated back` : `${side} translated`,
    detail: `${printPacket(before)} becomes ${printPacket(after)}`,
    before,
    after,
  });
  return undefined;
}
