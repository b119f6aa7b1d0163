import type { Exit } from './runtime.ts';

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

interface Waiter {
  readonly condition: WaitCondition;
  readonly resolve: (exit: Exit) => void;
}

/** Those who wait for a container to start, to end or to go. */
export class Waiters {
  readonly #waiting = new Map<string, Set<Waiter>>();
  readonly #toStart = new Map<string, (() => void)[]>();

  /** Resolves at the container's next start; never if it goes without one. */
  start(id: string): Promise<void> {
    return new Promise((resolve) => {
      this.#toStart.set(id, [...(this.#toStart.get(id) ?? []), resolve]);
    });
  }

  started(id: string): void {
    for (const resolve of this.#toStart.get(id) ?? []) resolve();
    this.#toStart.delete(id);
  }

  wait(id: string, condition: WaitCondition): Promise<Exit> {
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiters);
      waiters.add({ condition, resolve });
    });
  }

  exited(id: string, exit: Exit): void {
    this.#tell(id, exit, (condition) => condition !== 'removed');
  }

  removed(id: string, exit: Exit): void {
    this.#tell(id, exit, () => true);
    this.#toStart.delete(id);
  }

  #tell(id: string, exit: Exit, concerns: (condition: WaitCondition) => boolean): void {
    const waiters = this.#waiting.get(id);
    if (!waiters) return;
    for (const waiter of waiters) {
      if (!concerns(waiter.condition)) continue;
      waiters.delete(waiter);
      waiter.resolve(exit);
    }
    if (waiters.size === 0) this.#waiting.delete(id);
  }
}
