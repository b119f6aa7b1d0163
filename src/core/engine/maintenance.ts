/** Keeps the kernel as the records want it: at the start, and when somebody else changed it. */
import { key } from '../plan/key.ts';
import { type Desired, isKernel, isSocket, type KernelObject, type SocketObject } from '../plan/object.ts';
import { repair } from '../plan/repair.ts';
import type { Step } from '../plan/step.ts';
import type { Backend } from '../firewall/layout.ts';
import { desiredObjects, supersededObjects } from './blueprint.ts';
import type { Context } from './context.ts';
import type { Scope } from './kernel.ts';

/** Changes come in bursts: look once they are over (ms). */
const SETTLE = 500;
/** But look, however long they go on (ms): a container that is restarted again and again must hide no drift. */
const PATIENCE = 5000;

const PLAIN = ['namespace', 'link', 'address', 'route', 'sysctl'] as const;
/** What is looked at once the other back end holds nothing of ours: asking it costs processes. */
const KINDS: Readonly<Record<Backend, NonNullable<Scope['kinds']>>> = {
  iptables: [...PLAIN, 'chain', 'rule'],
  nftables: [...PLAIN, 'nft-table', 'nft-set', 'nft-chain', 'nft-element'],
};

export class Maintenance {
  readonly #context: Context;
  #watch: { close(): void } | undefined;
  #timer: { cancel(): void } | undefined;
  /** When the first change came that was not looked at yet (ms). */
  #changed: number | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Makes everything that is desired real, whatever is there: sockets die with an engine, the rest need not. */
  async restore(): Promise<void> {
    const { transactions, ledger, settings, store, log } = this.#context;
    await transactions.quietly(async () => {
      const desired = desiredObjects(ledger, settings);
      const observed = await this.#observe();
      const steps = this.#difference(observed, desired, supersededObjects(ledger, settings, observed));
      if (steps.length > 0) log.info(`restoring: ${steps.length} steps`);
      const sockets = desired.filter(isSocket).map((object): Step<SocketObject> => ({ op: 'add', object }));
      await transactions.apply([...steps, ...sockets]);
      await store.settle();
      await transactions.settle();
    });
  }

  /** Looks for differences and repairs them; gives the steps. */
  async repair(): Promise<readonly Step[]> {
    const { transactions, log } = this.#context;
    return transactions.quietly(async () => {
      const steps = await this.#drift();
      for (const step of steps) log.warn(`drift: ${step.op} ${key(step.object)}: ${step.object.why}`);
      await transactions.apply(steps);
      await transactions.settle();
      return steps;
    });
  }

  /** What a repair would do now. */
  plan(): Promise<readonly Step[]> {
    return this.#context.transactions.quietly(() => this.#drift());
  }

  /** All that is there, whosever it is. */
  observe(): Promise<readonly KernelObject[]> {
    return this.#observe();
  }

  watch(): void {
    const { kernel, transactions } = this.#context;
    this.#watch = kernel.watch('host', ({ foreign }) => foreign && this.#repairSoon());
    transactions.watchLeftOver(() => this.#repairSoon());
  }

  close(): void {
    this.#watch?.close();
    this.#timer?.cancel();
  }

  #repairSoon(): void {
    const { clock } = this.#context;
    this.#changed ??= clock.milliseconds();
    const left = this.#changed + PATIENCE - clock.milliseconds();
    this.#repairAfter(Math.max(0, Math.min(SETTLE, left)));
  }

  #repairAfter(time: number): void {
    const { clock, transactions, log } = this.#context;
    this.#timer?.cancel();
    this.#timer = clock.after(time, () => {
      this.#changed = undefined;
      this.repair().catch((error: unknown) => {
        log.warn(`drift could not be repaired: ${String(error)}`);
        // Nobody else will tell of it.
        if (transactions.leftOver.length > 0) this.#repairAfter(PATIENCE);
      });
    });
  }

  async #drift(): Promise<readonly Step<KernelObject>[]> {
    const { ledger, settings } = this.#context;
    const observed = await this.#observe(KINDS[settings.firewall.backend]);
    return this.#difference(observed, desiredObjects(ledger, settings));
  }

  #observe(kinds?: Scope['kinds']): Promise<readonly KernelObject[]> {
    const { kernel, ledger } = this.#context;
    const sandboxes = [...ledger.sandbox.values()].filter(({ host }) => !host).map(({ id }) => id);
    return kernel.observe({ sandboxes, ...(kinds && { kinds }) });
  }

  #difference(
    observed: readonly KernelObject[],
    desired: readonly Desired[],
    superseded: readonly Desired[] = [],
  ): readonly Step<KernelObject>[] {
    const { leftOver } = this.#context.transactions;
    return repair(observed, desired.filter(isKernel), [...leftOver, ...superseded].filter(isKernel));
  }
}
