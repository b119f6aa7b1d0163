/** What a walk tells: one step for each thing that was decided on the way. */
import type { Reason } from '../../plan/object.ts';
import type { Packet } from './packet.ts';

export type Hook = 'ingress' | 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

/** Where in the rules: `index` counts the chain's rules from 0; absent at the chain's policy. */
export interface RulePlace {
  readonly machinery: 'iptables' | 'nftables';
  /** iptables: which of the two machineries holds the table. */
  readonly variant?: 'legacy' | 'nft';
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly index?: number;
  readonly handle?: number;
  /** The rule in its own language. */
  readonly text?: string;
}

/** A packet at a hook, whether or not a rule stands there. */
export interface Passage {
  readonly namespace: string;
  readonly hook: Hook;
  /** It comes to the hook, or it has passed all that stands there. */
  readonly edge: 'begin' | 'end';
  /** Empty where the hook has none. */
  readonly inLink: string;
  readonly outLink: string;
  readonly packet: Packet;
  /** How many steps were told before. */
  readonly steps: number;
}

export type StepKind =
  /** A packet is made and sent. */
  | 'send'
  /** A rule matched, or a chain's policy decided. */
  | 'rule'
  | 'conntrack'
  | 'nat'
  | 'route'
  | 'bridge'
  | 'neighbour'
  | 'link'
  | 'socket'
  /** The kernel dropped it between the hooks. */
  | 'drop'
  | 'error';

export interface WalkStep {
  readonly kind: StepKind;
  readonly namespace: string;
  readonly link?: string;
  readonly hook?: Hook;
  readonly rule?: RulePlace;
  /** `accept`, `drop`, `jump DOCKER`, `policy drop`, `forwarded`, … */
  readonly decision: string;
  readonly detail?: string;
  readonly before: Packet;
  readonly after: Packet;
  readonly reason?: Reason;
  /** How many rules of the chain were tried until this one, itself included. */
  readonly tried?: number;
  /** What had to be taken for granted here. */
  readonly assumption?: string;
}

/** The kernel's own names (enum skb_drop_reason, without its prefix). */
export type DropReason =
  | 'NETFILTER_DROP'
  | 'IP_RPFILTER'
  | 'IP_LOCAL_SOURCE'
  | 'IP_INVALID_SOURCE'
  | 'IP_LOCALNET'
  | 'IP_INVALID_DEST'
  | 'IP_INNOROUTES'
  | 'IP_INADDRERRORS'
  | 'IP_INHDR'
  | 'IP_NOPROTO'
  | 'IP_OUTNOROUTES'
  | 'OTHERHOST'
  | 'PKT_TOO_BIG'
  | 'TTL_EXCEEDED'
  | 'NO_SOCKET'
  | 'TCP_FLAGS'
  | 'NEIGH_FAILED'
  | 'DEV_READY'
  | 'BRIDGE_INGRESS_PORT'
  | 'BRIDGE_ISOLATED'
  | 'UNKNOWN';

export type EndKind =
  /** A socket takes it. */
  | 'accepted'
  /** The kernel itself answers (echo). */
  | 'answered'
  /** It arrived, but nobody listens. */
  | 'refused'
  /** It left for where the model does not reach. */
  | 'left'
  /** A rule or policy dropped it in silence. */
  | 'blocked'
  /** A rule dropped it and said so to the sender. */
  | 'rejected'
  /** The kernel dropped it between the hooks. */
  | 'dropped'
  /** It was never sent: the sender's call failed. */
  | 'failed';

/** The one disposition that ends a packet's way. */
export interface End {
  readonly kind: EndKind;
  readonly namespace: string;
  readonly link?: string;
  readonly packet: Packet;
  readonly rule?: RulePlace;
  readonly dropReason?: DropReason;
  /** Of `failed`: what the sender's call says. */
  readonly errno?: string;
  /** What goes back, and the namespace that sends it. */
  readonly text: string;
}
