/** Routes and the rules that choose a table, as the kernel's FIB has them. */
import type { Address } from '../address/address.ts';
import type { Prefix } from '../address/prefix.ts';

export type RouteType =
  | 'unicast'
  | 'local'
  | 'broadcast'
  | 'anycast'
  | 'multicast'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'throw';

export interface Route {
  readonly table: number;
  readonly type: RouteType;
  readonly to: Prefix;
  /** Absent for blackhole, unreachable, prohibit and throw. */
  readonly link?: string;
  readonly via?: Address;
  /** The source that packets get which have none. */
  readonly source?: Address;
  readonly metric: number;
  /** More than one next hop: which one is taken is the kernel's hash. */
  readonly multipath?: true;
}

export const LOCAL = 255;
export const MAIN = 254;
export const DEFAULT = 253;

export type RoutingAction =
  | { readonly kind: 'lookup'; readonly table: number; readonly suppressPrefixLength?: number }
  | { readonly kind: 'blackhole' | 'unreachable' | 'prohibit' | 'nop' }
  | { readonly kind: 'goto'; readonly priority: number }
  /** What was read but is not understood: it can't be said whether it applies. */
  | { readonly kind: 'unknown'; readonly text: string };

/** One line of `ip rule`. All that is given must hold, unless `not`. */
export interface RoutingRule {
  readonly priority: number;
  readonly not?: true;
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly inLink?: string;
  readonly outLink?: string;
  readonly protocol?: number;
  readonly sourcePorts?: { readonly from: number; readonly to: number };
  readonly destinationPorts?: { readonly from: number; readonly to: number };
  readonly action: RoutingAction;
}

export const DEFAULT_RULES: readonly RoutingRule[] = [
  { priority: 0, action: { kind: 'lookup', table: LOCAL } },
  { priority: 32766, action: { kind: 'lookup', table: MAIN } },
  { priority: 32767, action: { kind: 'lookup', table: DEFAULT } },
];
