/**
 * A host as the kernel port sees it: a network namespace with those of its sandboxes, and what they are looked at and
 * changed with. All is opened at its first use, in the namespace that the thread is in, which must be the same each time.
 */
import type { Notice, Presence, Scope } from '../core/engine/kernel.ts';
import type { KernelObject, Namespace } from '../core/plan/object.ts';
import type { Step } from '../core/plan/step.ts';
import { announce } from './announce.ts';
import { applySteps } from './apply.ts';
import { Elements } from './elements.ts';
import { observeFirewall } from './firewall.ts';
import { RuleHandles } from './handles.ts';
import { Iptables } from './iptables.ts';
import { Namespaces } from './namespaces.ts';
import { flushUdp } from './netlink/conntrack.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink/socket.ts';
import { Nftables } from './nftables.ts';
import { observeObjects } from './observe.ts';
import { observeTables } from './tables.ts';
import { ownIn, Watch } from './watch.ts';

export class Ground {
  readonly #namespaces: Namespaces;
  readonly #isOwn: (process: number) => boolean;
  readonly #tell: (watch: number, notice: Notice) => void;
  readonly #nft = new Nftables();
  readonly #elements = new Elements();
  readonly #iptables = new Iptables();
  readonly #handles = new RuleHandles();
  readonly #watches = new Map<number, Watch>();

  /**
   * @param folder of the sandboxes' namespaces
   * @param isOwn whether nftables knows the thread that calls by that number
   * @param tell is told what `listen` has heard
   */
  constructor(folder: string, isOwn: (thread: number) => boolean, tell: (watch: number, notice: Notice) => void) {
    this.#namespaces = new Namespaces(folder);
    this.#isOwn = (process) => isOwn(process) || this.#iptables.isOwn(process);
    this.#tell = tell;
  }

  /** Throws a KernelError. */
  apply(steps: readonly Step<KernelObject>[]): void {
    const tables = { nft: this.#nft, elements: this.#elements };
    applySteps({ namespaces: this.#namespaces, tables, iptables: this.#iptables, handles: this.#handles }, steps);
  }

  observe(scope: Scope): readonly KernelObject[] {
    return [
      ...observeObjects(this.#namespaces, scope),
      ...observeFirewall(this.#handles, scope),
      ...observeTables(this.#nft, scope),
    ];
  }

  /** Gives the number of flows. */
  flush(address: string, port: number): number {
    const socket = new NetlinkSocket(NETLINK_NETFILTER);
    try {
      return flushUdp(socket, address, port);
    } finally {
      socket.close();
    }
  }

  announce(presence: Presence): boolean {
    return announce(this.#namespaces, presence);
  }

  /** Begins to listen; gives the sockets. */
  watch(number: number, namespace: Namespace): readonly number[] {
    const watch = new Watch(namespace, this.#isOwn);
    this.#watches.set(number, watch);
    watch.changed(this.#namespaces);
    return watch.ears;
  }

  unwatch(number: number): void {
    this.#watches.get(number)?.close();
    this.#watches.delete(number);
  }

  /** Tells what has changed. `steps`: what was done since the last call, or refused and taken back. */
  listen(steps: readonly Step<KernelObject>[] = [], areDone = true): void {
    this.#handles.listen();
    for (const [number, watch] of this.#watches) {
      const own = steps.length > 0 ? ownIn(watch.namespace, steps, areDone) : undefined;
      const notice = watch.changed(this.#namespaces, own);
      if (notice) this.#tell(number, notice);
    }
  }

  close(): void {
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
    this.#nft.close();
    this.#elements.close();
    this.#iptables.close();
    this.#handles.close();
    this.#namespaces.close();
  }
}
