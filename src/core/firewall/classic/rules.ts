/** The vocabulary that the classic layout's rules are written in. */
import type { Owner, Position } from '../../plan/object.ts';
import type { FirewallObject } from '../layout.ts';
import type { Family, Match, PortRange, Rule, Table, Target } from '../rule.ts';

export const DOCKER = 'DOCKER';
export const USER = 'DOCKER-USER';
export const STAGE_1 = 'DOCKER-ISOLATION-STAGE-1';
export const STAGE_2 = 'DOCKER-ISOLATION-STAGE-2';

export const ACCEPT: Target = { kind: 'accept' };
export const DROP: Target = { kind: 'drop' };
export const RETURN: Target = { kind: 'return' };
export const MASQUERADE: Target = { kind: 'masquerade' };

/** What a link's name or an address is compared with. */
export type Plain = Extract<Match, { kind: 'in' | 'out' | 'source' | 'destination' }>;

export const jump = (chain: string): Target => ({ kind: 'jump', chain });
export const from = (prefix: string): Plain => ({ kind: 'source', prefix });
export const to = (prefix: string): Plain => ({ kind: 'destination', prefix });
export const into = (link: string): Plain => ({ kind: 'in', link });
export const outOf = (link: string): Plain => ({ kind: 'out', link });
export const protocol = (name: string): Match => ({ kind: 'protocol', name });
/** Written out: `{ ...match, not: true }` has a hidden class of its own in V8 (see `plan/desired.ts`). */
export const not = (match: Plain): Match =>
  'link' in match
    ? { kind: match.kind, link: match.link, not: true }
    : { kind: match.kind, prefix: match.prefix, not: true };
export const addressType = (side: 'source' | 'destination', type: string): Match => ({ kind: 'addrtype', side, type });
export const established: Match = { kind: 'conntrack', of: 'conntrack', states: ['RELATED', 'ESTABLISHED'] };

/** `-p tcp -m tcp --dport 80` */
export function toPort(of: 'tcp' | 'udp' | 'sctp', port: number): Match[] {
  return [protocol(of), { kind: 'port', of, side: 'destination', range: only(port) }];
}

/** `-p tcp -m tcp --sport 80` */
export function fromPort(of: 'tcp' | 'udp' | 'sctp', port: number): Match[] {
  return [protocol(of), { kind: 'port', of, side: 'source', range: only(port) }];
}

function only(port: number): PortRange {
  return { from: port, to: port };
}

/** Collects one owner's chains and rules of one family. */
export class Sheet {
  readonly objects: FirewallObject[] = [];
  readonly family: Family;
  readonly #owner: Owner;

  constructor(family: Family, owner: Owner) {
    this.family = family;
    this.#owner = owner;
  }

  chain(table: Table, name: string, why: string, extra: { open?: true; policy?: 'DROP' } = {}): void {
    this.objects.push({ kind: 'chain', family: this.family, table, name, ...extra, owner: this.#owner, why });
  }

  rule(
    place: { readonly table: Table; readonly chain: string; readonly position: Position },
    matches: readonly Match[],
    target: Target,
    why: string,
  ): void {
    const { table, chain, position } = place;
    const rule: Rule = { family: this.family, table, chain, matches, target };
    this.objects.push({ kind: 'rule', rule, position, owner: this.#owner, why });
  }
}
