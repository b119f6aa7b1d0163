/**
 * The jumps at the head of a chain that are put before what comes there now, as Docker's layout wants it of the
 * ones to DOCKER-USER and to the isolation.
 *
 * To delete a rule, iptables reads the whole chain, which FORWARD has four rules of each network in. So where
 * iptables stands on nftables a jump is written a second time, and the former one then deleted by its handle. In
 * between both are there, which no packet can tell.
 */
import { KernelError } from '../core/engine/kernel.ts';
import type { FirewallStep } from '../core/firewall/restore.ts';
import type { Family } from '../core/firewall/rule.ts';
import { sameObject } from '../core/plan/compare.ts';
import { leadingJumps } from './netlink/jumps.ts';
import { NftError, type NftCommand, type Nftables } from './nftables.ts';

type Deletions = ReadonlyMap<FirewallStep, NftCommand>;

const NOTHING: Deletions = new Map();

export class MovedJumps {
  readonly #nft: Nftables;
  readonly #deletions: Deletions;

  /** Looks for the jumps that `steps`, which are of one family, move. */
  constructor(nft: Nftables, family: Family, steps: readonly FirewallStep[]) {
    this.#nft = nft;
    const moves = steps.filter(isMove);
    this.#deletions = moves.length > 0 && nft.isInstalled ? deletions(family, moves) : NOTHING;
  }

  /** Whether the step's former rule is to be left to `finish`. */
  has(step: FirewallStep): boolean {
    return this.#deletions.has(step);
  }

  /** Deletes the former rules of those steps. Throws a KernelError. */
  finish(steps: readonly FirewallStep[]): void {
    const commands = steps.map((step) => this.#deletions.get(step)).filter((command) => command !== undefined);
    if (commands.length === 0) return;
    if (this.#runUnlessGone(commands)) return;
    for (const command of commands) this.#runUnlessGone([command]);
  }

  /** Whether all was there; false if somebody else deleted one meanwhile, and then nothing was done. */
  #runUnlessGone(commands: readonly NftCommand[]): boolean {
    try {
      this.#nft.run(commands);
      return true;
    } catch (error) {
      if (!(error instanceof NftError)) throw error;
      if (error.code === 'ENOENT') return false;
      throw new KernelError(error.message, undefined, error.code);
    }
  }
}

function isMove(step: FirewallStep): boolean {
  if (step.op !== 'change' || step.object.kind !== 'rule') return false;
  const { rule, position } = step.object;
  const isJump = rule.target.kind === 'jump' && rule.matches.length === 0;
  return isJump && position.section !== 'tail' && sameObject(step.before, step.object);
}

function deletions(family: Family, moves: readonly FirewallStep[]): Deletions {
  const found = new Map<FirewallStep, NftCommand>();
  const heads = new Map<string, ReturnType<typeof leadingJumps>>();
  for (const step of moves) {
    if (step.object.kind !== 'rule' || step.object.rule.target.kind !== 'jump') continue;
    const { table, chain, target } = step.object.rule;
    const place = `${table} ${chain}`;
    const head = heads.get(place) ?? leadingJumps(family, table, chain);
    heads.set(place, head);
    const jump = head.find(({ to }) => to === target.chain);
    if (jump) found.set(step, { delete: { rule: { family, table, chain, handle: jump.handle } } });
  }
  return found;
}
