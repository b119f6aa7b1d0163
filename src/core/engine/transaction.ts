/**
 * The way of a change: decide on the next records, say which objects differ, note the intent,
 * do the steps, note the result. Changes run one at a time, each for as long as its kernel
 * transaction takes.
 */
import { isFirewall } from '../firewall/layout.ts';
import { bare } from '../plan/bare.ts';
import { type HostObject, isSocket, type KernelObject, type SocketObject } from '../plan/object.ts';
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

export interface Changed<T> {
  readonly value: T;
  readonly steps: readonly Step[];
}

type Decide<T> = (draft: Draft) => T | Promise<T>;

const NOTHING_LEFT = { objects: [], intents: [] };

export class Transactions {
  readonly #mutex = new Mutex();
  readonly #ledger: Ledger;
  readonly #store: Store;
  readonly #kernel: Kernel;
  readonly #sockets: Sockets;
  readonly #plan: Planner;
  /** What no record calls for any more and may still be there, with the intents that it is noted in. */
  #leftOver: { readonly objects: readonly HostObject[]; readonly intents: readonly number[] } = NOTHING_LEFT;
  #whenLeft = (): void => undefined;

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
  change<T>(decide: Decide<T>): Promise<Changed<T>> {
    return this.#mutex.run(() => this.#change(decide));
  }

  /**
   * Like `change`, for what has happened whatever the kernel says of it: if a step fails (`refusal`), the
   * records change all the same, and what they no longer call for is left over.
   */
  insist<T>(decide: Decide<T>): Promise<Changed<T> & { readonly refusal?: Error }> {
    return this.#mutex.run(async () => {
      try {
        return await this.#change(decide);
      } catch (error) {
        const draft = this.#ledger.draft();
        const value = await decide(draft);
        const steps = this.#plan(this.#ledger, draft);
        await this.#adopt(draft, steps);
        const sockets = steps.filter((step): step is Step<SocketObject> => isSocket(step.object));
        const failures = [error];
        if (sockets.length > 0) await this.#sockets.apply(sockets).catch((failure: unknown) => failures.push(failure));
        const refusal = new AggregateError(failures, failures.map(String).join('; '));
        this.#whenLeft();
        return { value, steps, refusal };
      }
    });
  }

  /** Runs `task` while no change is under way: for looking at the kernel and repairing it. */
  quietly<T>(task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(task);
  }

  /** Changes records without touching the kernel; what they no longer or newly call for is left over. */
  async adopt(decide: (draft: Draft) => void): Promise<void> {
    const draft = this.#ledger.draft();
    decide(draft);
    await this.#adopt(draft, this.#plan(this.#ledger, draft));
  }

  /** What is left over: a repair takes of it what it finds. */
  get leftOver(): readonly HostObject[] {
    return this.#leftOver.objects;
  }

  /** Adds to what is left over; `intents` are those that it is noted in, but for what an earlier engine noted. */
  leave(objects: readonly HostObject[], ...intents: readonly number[]): void {
    const before = this.#leftOver;
    this.#leftOver = { objects: [...before.objects, ...objects], intents: [...before.intents, ...intents] };
  }

  /** `told` is called when a refused change has left something over. */
  watchLeftOver(told: () => void): void {
    this.#whenLeft = told;
  }

  /** To be called when nothing is left over any more. */
  async settle(): Promise<void> {
    const { intents } = this.#leftOver;
    this.#leftOver = NOTHING_LEFT;
    for (const intent of intents) await this.#store.abort(intent);
  }

  async #change<T>(decide: Decide<T>): Promise<Changed<T>> {
    const draft = this.#ledger.draft();
    const value = await decide(draft);
    const steps = this.#plan(this.#ledger, draft);
    await this.#carryOut(draft, steps);
    return { value, steps };
  }

  async #adopt(draft: Draft, steps: readonly Step[]): Promise<void> {
    const objects = steps.map((step) => step.object);
    const intent = await this.#store.begin({ objects: objects.map(bare) } satisfies Intent);
    await this.#store.write(entries(draft));
    this.#ledger.commit(draft);
    this.leave(objects, intent);
  }

  async #carryOut(draft: Draft, steps: readonly Step[]): Promise<void> {
    if (RECORD_KINDS.every((kind) => draft[kind].changed.size === 0)) return;
    if (steps.length === 0) {
      await this.#store.write(entries(draft));
    } else {
      const objects = steps.map(({ object }) => bare(object));
      const intent = await this.#store.begin({ objects } satisfies Intent, entries(draft));
      try {
        await this.apply(steps, () => this.#store.commit(intent));
      } catch (error) {
        await this.#store.abort(intent);
        throw error;
      }
    }
    this.#ledger.commit(draft);
  }

  /**
   * Does steps: consecutive ones of one port go to it together, and both ports work at the same time where
   * neither needs what the other does (see `stages`); if a later group or `then` fails, the groups that were done
   * are taken back, last first.
   */
  async apply(steps: readonly Step[], then?: () => Promise<void>): Promise<void> {
    const done: Group[] = [];
    try {
      for (const stage of stages(steps)) {
        const results = await Promise.allSettled(stage.map((group) => this.#applyGroup(group)));
        done.push(...stage.filter((_, index) => results[index]!.status === 'fulfilled'));
        const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
        if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; '));
        if (failures.length > 0) throw failures[0];
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
  | { readonly port: 'kernel'; readonly steps: Step<KernelObject>[]; readonly areRules: boolean }
  | { readonly port: 'sockets'; readonly steps: Step<SocketObject>[] };

/** To bind so many ports takes longer than to hand the kernel's work over in two parts. */
const MANY_PORTS = 20;

/** The groups of consecutive steps of one port, each with those that are done together with it. */
function stages(steps: readonly Step[]): Group[][] {
  const ports = steps.filter(({ op, object }) => op === 'add' && object.kind === 'listener').length;
  const bindsMany = ports >= MANY_PORTS;
  const result: Group[][] = [];
  for (const group of groups(steps, bindsMany)) {
    const last = result.at(-1);
    const before = last?.length === 1 ? last[0]! : undefined;
    // Name servers come while the kernel works on what is not their sandbox.
    if (before?.port === 'kernel' && group.port === 'sockets' && !needs(group.steps, before.steps)) last!.push(group);
    // What nobody notices is made while many ports are bound. The kernel's comes first: binding leaves it no turn.
    else if (bindsMany && before?.port === 'sockets' && group.port === 'kernel' && !group.areRules)
      last!.unshift(group);
    else result.push([group]);
  }
  return result;
}

/** `isApart`: whether rules are in groups of their own. */
function groups(steps: readonly Step[], isApart: boolean): Group[] {
  const result: Group[] = [];
  for (const step of steps) {
    const { object } = step;
    const areRules = isFirewall(object);
    const group: Group = isSocket(object)
      ? { port: 'sockets', steps: [step as Step<SocketObject>] }
      : { port: 'kernel', steps: [step as Step<KernelObject>], areRules };
    const last = result.at(-1);
    const isSame = last?.port === group.port && !(isApart && last.port === 'kernel' && last.areRules !== areRules);
    if (isSame) last.steps.push(step as never);
    else result.push(group);
  }
  return result;
}

function needs(sockets: readonly Step<SocketObject>[], kernel: readonly Step<KernelObject>[]): boolean {
  const namespaces = new Set(kernel.map(({ object }) => (object.kind === 'namespace' ? object.id : '')));
  return sockets.some(({ object }) => object.kind !== 'resolver' || namespaces.has(object.sandbox));
}
