import type { KernelObject, Namespace } from '../plan/object.ts';
import type { Step } from '../plan/step.ts';

/** What the kernel refused: the step, its object's key, and the kernel's own words. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  readonly step: Step | undefined;
  /** The kernel's error name (`EEXIST`) or the tool's exit status; empty if there is none. */
  readonly code: string;

  constructor(message: string, step?: Step, code = '') {
    super(message);
    this.step = step;
    this.code = code;
  }
}

/** What `observe` is to look at. */
export interface Scope {
  /** Sandboxes to look into besides `host`. One that does not exist is simply absent from the answer. */
  readonly sandboxes: readonly string[];
  /** Only objects of these kinds; undefined: all. Rules are the costly ones. */
  readonly kinds?: readonly KernelObject['kind'][];
}

/** A link in a sandbox, and what it is to be known by. */
export interface Presence {
  readonly namespace: Namespace;
  readonly link: string;
  /** The host's end of the link, a port of a bridge; empty if it has none. */
  readonly port: string;
  /** Without prefix length. */
  readonly addresses: readonly string[];
}

/** That something changed. */
export interface Notice {
  /** The names of the links that it was about; an empty one where that is not known. */
  readonly links: readonly string[];
  /** Whether somebody else than `apply` may have changed what `apply` makes, or taken it away. */
  readonly foreign: boolean;
}

/**
 * A Linux to work on: real (`src/linux`) or in memory (`src/core/model`).
 * Both pass the contract suite in `src/core/engine/kernel.contract.ts`.
 */
export interface Kernel {
  /**
   * Does the steps in their order: all of them or none. Consecutive rule and chain steps of one
   * family are one firewall transaction, and so are consecutive ones of nftables. Throws KernelError
   * after taking back what was done.
   */
  apply(steps: readonly Step<KernelObject>[]): Promise<void>;
  /** What is really there, foreign objects too (but of nftables only our own tables), in the shape of what is asked for. */
  observe(scope: Scope): Promise<readonly KernelObject[]>;
  /**
   * Calls `changed` (coalesced) after links, addresses, routes or rules of `namespace` changed, by
   * whomever. What changed before an `observe` is told before that one's answer.
   */
  watch(namespace: Namespace, changed: (change: Notice) => void): { close(): void };
  /** Resolves when all who watch have been told of what changed before. */
  heard(): Promise<void>;
  /** A path that a runtime can join the sandbox's network namespace by. */
  namespacePath(sandbox: string): string;
  /** Drops the conntrack entries of UDP flows to `address` (any, if empty) and `port`; returns how many. */
  flushUdpConntrack(flow: { readonly address: string; readonly port: number }): Promise<number>;
  /**
   * Tells everybody on its network that the link has these addresses: gratuitous ARP, unsolicited
   * neighbour advertisements. False: nothing was sent, as the bridge does not take the port's frames yet.
   */
  announce(presence: Presence): Promise<boolean>;
  close(): Promise<void>;
}
