/** What the kernel told of a packet that was really sent. */
import type { Hook } from '../../../model/walk/step.ts';

/** As far as its first bytes tell. */
export interface SeenPacket {
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  /** 0 where the protocol has none; ICMP echo: both are the identifier. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: readonly string[];
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly ttl: number;
}

/** It came to a hook, or had passed all rules that stand there. */
export interface SeenPassage {
  readonly kind: 'passage';
  readonly namespace: string;
  readonly hook: Hook;
  readonly edge: 'begin' | 'end';
  /** Names of links; empty where the hook has none. */
  readonly inLink: string;
  readonly outLink: string;
  readonly packet: SeenPacket;
}

/** A rule matched, or (no handle) a base chain's policy decided. */
export interface SeenRule {
  readonly kind: 'rule';
  readonly namespace: string;
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle?: number;
  readonly verdict: 'accept' | 'drop' | 'other';
  readonly packet: SeenPacket;
}

/** A rule of iptables-legacy matched, or a chain came to its end: `number` counts from 1, the end included. */
export interface SeenLegacyRule {
  readonly kind: 'legacy-rule';
  readonly namespace: string;
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly number: number;
  readonly packet: SeenPacket;
}

export type SeenEvent = SeenPassage | SeenRule | SeenLegacyRule;

export interface Observation {
  /** Those of one namespace are in their order; those of iptables-legacy have an order of their own. */
  readonly events: readonly SeenEvent[];
  /** The namespaces of which the kernel told what iptables-legacy decides. */
  readonly legacy?: readonly string[];
  /** The address and port (ICMP: identifier) that it was sent from; no address: no way leads there. */
  readonly source: string;
  readonly sourcePort: number;
  /** What the sender's socket was told: `answered`, `silence`, or an error's name: `ECONNREFUSED`. */
  readonly outcome: string;
  /** From the sending until the outcome was known. */
  readonly milliseconds: number;
  /** The kernel had more to tell than there was room for. */
  readonly lost: boolean;
}
