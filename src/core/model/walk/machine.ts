/** Rules made ready to run: what iptables and nftables have in common. */
import type { Reason } from '../../plan/object.ts';
import type { LinuxNamespace } from '../linux.ts';
import type { LinkPlace } from '../link.ts';
import type { Route } from '../route.ts';
import type { Choices } from './choices.ts';
import type { Fib } from './fib.ts';
import type { Flow, FlowTable, Manipulation, Tracked, TrackState } from './flow.ts';
import type { Packet } from './packet.ts';
import type { Hook, RulePlace, WalkStep } from './step.ts';

/** A packet on its way, with what the kernel notes beside it. */
export interface Skb {
  packet: Packet;
  /** The bridge ports that it came and goes by, while bridge netfilter shows it to the IP hooks. */
  physicalIn: string;
  physicalOut: string;
  tracked: Tracked | undefined;
  state: TrackState | undefined;
  route: Route | undefined;
  /** The link that sent the frame; undefined where it is not known. */
  sender: LinkPlace | undefined;
}

/** One namespace during a walk. */
export interface Space {
  readonly namespace: LinuxNamespace;
  readonly fib: Fib;
  readonly flows: FlowTable;
}

/** A packet at a hook. */
export interface Moment {
  readonly space: Space;
  readonly choices: Choices;
  readonly hook: Hook;
  /** Empty where the hook has none. */
  readonly inLink: string;
  readonly outLink: string;
  readonly skb: Skb;
  readonly tell: (step: Omit<WalkStep, 'namespace' | 'hook'>) => void;
}

/**
 * Asks whether something that a rule says, and that can't be known, holds for a packet. What holds for
 * a packet need not hold for its answer: another one is seldom the same to a rate or to a set.
 */
export function askOf(at: Moment, table: string, rule: string, missing: string): boolean {
  const isReply = at.skb.tracked?.isReply ?? false;
  return at.choices.ask({
    key: `${at.space.namespace.name} ${at.hook} ${table} ${rule} ${missing} ${isReply}`,
    missing: isReply ? `${missing}, for the answer` : missing,
    rule,
  });
}

export type Translation = {
  readonly flow: Flow;
  readonly side: Manipulation;
};

/** What became of a packet at one rule. */
export type Result =
  | { readonly kind: 'miss' }
  /** It matched and had its effect, but does not decide. */
  | { readonly kind: 'continue'; readonly text?: string; readonly assumption?: string }
  | { readonly kind: 'accept'; readonly text?: string; readonly assumption?: string }
  | { readonly kind: 'drop' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'reject'; readonly with: string };

export const MISS: Result = { kind: 'miss' };
export const CONTINUE: Result = { kind: 'continue' };
export const ACCEPT: Result = { kind: 'accept' };
export const DROP: Result = { kind: 'drop' };
export const RETURN: Result = { kind: 'return' };

export interface ReadyRule {
  readonly place: RulePlace;
  readonly reason: Reason | undefined;
  run(at: Moment): Result;
}

export interface ReadyChain {
  readonly name: string;
  readonly length: number;
  rule(index: number): ReadyRule;
  /** The first rule from `index` on that may match, as far as is seen at a glance; `length`: none. */
  next(index: number, at: Moment): number;
}

export interface BaseChain {
  readonly chain: ReadyChain;
  readonly policy: 'accept' | 'drop';
  readonly place: RulePlace;
  chainNamed(name: string): ReadyChain | undefined;
}

export interface Decision {
  readonly kind: 'accept' | 'drop' | 'reject';
  readonly with?: string;
  readonly place: RulePlace;
  readonly reason?: Reason;
}

/** Runs a base chain on a packet: what a rule decides, or else its policy. */
export function runBase(base: BaseChain, at: Moment): Decision {
  const decision = runChain(base, base.chain, at, 0);
  if (decision) return decision;
  at.tell({
    kind: 'rule',
    rule: base.place,
    decision: `policy ${base.policy}`,
    before: at.skb.packet,
    after: at.skb.packet,
    tried: base.chain.length,
  });
  return { kind: base.policy, place: base.place };
}

/** The kernels' own limit of nested jumps is 16 (nft) or the size of a stack (iptables). */
const DEPTH = 128;

/** Undefined: no rule decided, so the chain's caller goes on. */
function runChain(base: BaseChain, chain: ReadyChain, at: Moment, depth: number): Decision | undefined {
  if (depth > DEPTH) throw new Error(`chain ${chain.name} jumps to itself`);
  for (let index = chain.next(0, at); index < chain.length; index = chain.next(index + 1, at)) {
    const rule = chain.rule(index);
    const before = at.skb.packet;
    const result = rule.run(at);
    if (result.kind === 'miss') continue;
    tell(at, rule, result, before, index + 1);
    switch (result.kind) {
      case 'continue':
        continue;
      case 'return':
        return undefined;
      case 'jump':
      case 'goto': {
        const target = base.chainNamed(result.chain);
        const decision = target && runChain(base, target, at, depth + 1);
        if (decision || result.kind === 'goto') return decision;
        continue;
      }
      case 'accept':
      case 'drop':
        return { kind: result.kind, place: rule.place, ...(rule.reason && { reason: rule.reason }) };
      case 'reject':
        return {
          kind: 'reject',
          with: result.with,
          place: rule.place,
          ...(rule.reason && { reason: rule.reason }),
        };
    }
  }
  return undefined;
}

function tell(at: Moment, rule: ReadyRule, result: Exclude<Result, { kind: 'miss' }>, before: Packet, tried: number) {
  const assumption = 'assumption' in result ? result.assumption : undefined;
  at.tell({
    kind: 'rule',
    rule: rule.place,
    decision: 'chain' in result ? `${result.kind} ${result.chain}` : ('text' in result && result.text) || result.kind,
    before,
    after: at.skb.packet,
    tried,
    ...(rule.reason && { reason: rule.reason }),
    ...(assumption !== undefined && { assumption }),
  });
}
