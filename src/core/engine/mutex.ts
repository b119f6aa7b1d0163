/** Runs tasks one after the other, in the order in which they came. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    // The caller gets the failure; the queue goes on without it.
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

/** One mutex for each key that somebody holds or waits for. */
export class KeyedMutex {
  readonly #held = new Map<string, { mutex: Mutex; users: number }>();

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const entry = this.#held.get(key) ?? { mutex: new Mutex(), users: 0 };
    this.#held.set(key, entry);
    entry.users++;
    try {
      return await entry.mutex.run(task);
    } finally {
      if (--entry.users === 0) this.#held.delete(key);
    }
  }
}
