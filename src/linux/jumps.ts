/**
 * The jumps at the head of a chain that are put before what comes there now, as Docker's layout wants it of the
 * ones to DOCKER-USER and to the isolation.
 *
 * To delete a rule, iptables reads the whole chain, which FORWARD has four rules of each network in. So with many
 * of them, and where iptables stands on nftables, a jump is written a second time, and the former one then deleted
 * by its handle. In between both are there, which no packet can tell.
 */
import { KernelError } from '../core/engine/kernel.ts';
import type { FirewallStep } from '../core/firewall/restore.ts';
import type { Family } from '../core/firewall/rule.ts';
import { sameObject } from '../core/plan/compare.ts';
import { type Chain, type Jump, leadingJumps, useOf } from './netlink/chain.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink/socket.ts';
import { NftError, type NftCommand, type Nftables } from './nftables.ts';

/** Measured: a chain of fewer rules is read faster than a second transaction is made. */
const LONG = 200;

/** Finds them, in the namespace of the thread that calls. */
export class Jumps {
  readonly #nft: Nftables;
  #socket: NetlinkSocket | undefined;

  constructor(nft: Nftables) {
    this.#nft = nft;
  }

  /** Those that `steps`, which are of one family, move, as far as it is better not left to iptables. */
  movedBy(steps: readonly FirewallStep[], family: Family): MovedJumps {
    const deletions = new Map<FirewallStep, NftCommand>();
    const heads = new Map<string, readonly Jump[]>();
    for (const { step, table, chain, to } of steps.flatMap((step) => moveOf(step) ?? [])) {
      const place = `${table} ${chain}`;
      const head = heads.get(place) ?? this.#headOf({ family, table, name: chain });
      heads.set(place, head);
      const jump = head.find((its) => its.to === to);
      if (jump) deletions.set(step, { delete: { rule: { family, table, chain, handle: jump.handle } } });
    }
    return new MovedJumps(this.#nft, deletions);
  }

  close(): void {
    this.#socket?.close();
  }

  #headOf(chain: Chain): readonly Jump[] {
    // Kept open: the kernel makes whoever closes one wait for all that was deleted.
    this.#socket ??= new NetlinkSocket(NETLINK_NETFILTER);
    return useOf(this.#socket, chain) >= LONG && this.#nft.isInstalled ? leadingJumps(chain) : [];
  }
}

export class MovedJumps {
  readonly #nft: Nftables;
  readonly #deletions: ReadonlyMap<FirewallStep, NftCommand>;

  constructor(nft: Nftables, deletions: ReadonlyMap<FirewallStep, NftCommand>) {
    this.#nft = nft;
    this.#deletions = deletions;
  }

  /** Whether the step's former rule is to be left to `finish`. */
  has(step: FirewallStep): boolean {
    return this.#deletions.has(step);
  }

  /** Deletes the former rules of those steps. Throws a KernelError. */
  finish(steps: readonly FirewallStep[]): void {
    const commands = steps.map((step) => this.#deletions.get(step)).filter((command) => command !== undefined);
    if (commands.length === 0 || this.#runUnlessGone(commands)) return;
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

interface Move {
  readonly step: FirewallStep;
  readonly table: string;
  readonly chain: string;
  readonly to: string;
}

function moveOf(step: FirewallStep): Move | undefined {
  if (step.op !== 'change' || step.object.kind !== 'rule' || !sameObject(step.before, step.object)) return undefined;
  const { rule, position } = step.object;
  const { table, chain, target, matches } = rule;
  if (target.kind !== 'jump' || matches.length > 0 || position.section === 'tail') return undefined;
  return { step, table, chain, to: target.chain };
}
