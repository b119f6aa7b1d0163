/**
 * The way of a change: decide on the next records, say which objects differ, note the intent,
 * do the steps, note the result. Changes run one at a time, each for as long as its kernel
 * transaction takes.
 */
import { bare } from '../plan/bare.ts';
import type { Desired, HostObject, KernelObject, SocketObject } from '../plan/object.ts';
import { undo, type Step } from '../plan/step.ts';
import type { Kernel } from './kernel.ts';
import { Mutex } from './mutex.ts';
import { entries, RECORD_KINDS, type Draft, type Ledger, type Records } from './records.ts';
import type { Sockets } from './sockets.ts';
import type { Store } from './store.ts';

/** The kernel objects that changing `before` into `after` changes. */
export type Planner = (before: Records, after: Draft) => readonly Step[];

/** What is noted before it is done: after a crash it tells what may be left over. */
export interface Intent {
  readonly objects: readonly HostObject[];
  /** The id of a container that is being made. */
  readonly container?: string;
}

export class Transactions {
  readonly #mutex = new Mutex();
  readonly #ledger: Ledger;
  readonly #store: Store;
  readonly #kernel: Kernel;
  readonly #sockets: Sockets;
  readonly #plan: Planner;

  constructor(ledger: Ledger, store: Store, kernel: Kernel, sockets: Sockets, plan: Planner) {
    this.#ledger = ledger;
    this.#store = store;
    this.#kernel = kernel;
    this.#sockets = sockets;
    this.#plan = plan;
  }

  /**
   * Runs `decide` on a draft of the records and makes the result real; gives the steps too. What `decide`
   * throws reaches the caller and nothing has changed; so it is when a step fails.
   */
  change<T>(decide: (draft: Draft) => T | Promise<T>): Promise<{ readonly value: T; readonly steps: readonly Step[] }> {
    return this.#mutex.run(async () => {
      const draft = this.#ledger.draft();
      const value = await decide(draft);
      const steps = this.#plan(this.#ledger, draft);
      await this.#carryOut(draft, steps);
      return { value, steps };
    });
  }

  /** Runs `task` while no change is under way: for looking at the kernel and repairing it. */
  quietly<T>(task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(task);
  }

  /**
   * Changes records without touching the kernel: what is there is to be compared with them afterwards.
   * `objects` are those that they no longer or newly call for. They stay noted until `settle` is called.
   */
  async adopt(
    decide: (draft: Draft) => void,
  ): Promise<{ readonly objects: readonly Desired[]; readonly settle: () => Promise<void> }> {
    const draft = this.#ledger.draft();
    decide(draft);
    const objects = this.#plan(this.#ledger, draft).map((step) => step.object);
    const intent = await this.#store.begin({ objects: objects.map(bare) } satisfies Intent);
    await this.#store.write(entries(draft));
    this.#ledger.commit(draft);
    return { objects, settle: () => this.#store.abort(intent) };
  }

  async #carryOut(draft: Draft, steps: readonly Step[]): Promise<void> {
    if (RECORD_KINDS.every((kind) => draft[kind].changed.size === 0)) return;
    if (steps.length === 0) {
      await this.#store.write(entries(draft));
    } else {
      const intent = await this.#store.begin({ objects: steps.map(({ object }) => bare(object)) } satisfies Intent);
      try {
        await this.apply(steps, () => this.#store.commit(intent, entries(draft)));
      } catch (error) {
        await this.#store.abort(intent);
        throw error;
      }
    }
    this.#ledger.commit(draft);
  }

  /**
   * Does steps: consecutive ones of one port go to it together; if a later group or `then` fails,
   * the groups that were done are taken back, last first.
   */
  async apply(steps: readonly Step[], then?: () => Promise<void>): Promise<void> {
    const done: Group[] = [];
    try {
      for (const group of groups(steps)) {
        await this.#applyGroup(group);
        done.push(group);
      }
      await then?.();
    } catch (error) {
      const failures: unknown[] = [];
      for (const { port, steps: taken } of done.toReversed()) {
        const back = { port, steps: undo<HostObject>(taken) } as Group;
        await this.#applyGroup(back).catch((failure: unknown) => failures.push(failure));
      }
      if (failures.length === 0) throw error;
      const message = `${String(error)}; taking it back failed too: ${failures.map(String).join('; ')}`;
      throw new AggregateError([error, ...failures], message, { cause: error });
    }
  }

  #applyGroup(group: Group): Promise<void> {
    return group.port === 'sockets' ? this.#sockets.apply(group.steps) : this.#kernel.apply(group.steps);
  }
}

type Group =
  | { readonly port: 'kernel'; readonly steps: Step<KernelObject>[] }
  | { readonly port: 'sockets'; readonly steps: Step<SocketObject>[] };

function groups(steps: readonly Step[]): Group[] {
  const result: Group[] = [];
  for (const step of steps) {
    const port = step.object.kind === 'listener' || step.object.kind === 'resolver' ? 'sockets' : 'kernel';
    const last = result.at(-1);
    if (last?.port === port) last.steps.push(step as never);
    else result.push({ port, steps: [step] } as Group);
  }
  return result;
}
