/**
 * An iteration over what comes in batches, that can be left while it waits. A generator alone cannot:
 * its `return` stands in line behind the `next` that waits. Here leaving first aborts the signal, which
 * must end every wait. `next` is not to be called again before it has answered.
 */
export function cancellable<T>(
  generate: (signal: AbortSignal) => AsyncGenerator<readonly T[]>,
): AsyncIterableIterator<T> {
  const controller = new AbortController();
  const generator = generate(controller.signal);
  let batch: Iterator<T> = [].values();
  const nextBatch = async (): Promise<IteratorResult<T>> => {
    for (;;) {
      const { done, value } = await generator.next();
      if (done) return { done, value: undefined };
      batch = value.values();
      const first = batch.next();
      if (!first.done) return first;
    }
  };
  return {
    next: () => {
      const next = batch.next();
      return next.done ? nextBatch() : Promise.resolve(next);
    },
    return: async () => {
      batch = [].values();
      controller.abort();
      await generator.return(undefined);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Sources that push and can be told to pause. */
export interface ChannelSource {
  pause(): void;
  resume(): void;
  close(): void;
}

const HIGH_WATER = 16;

/** Hands what sources push to the one consumer that pulls; the sources pause while it is behind. */
export class Channel<T> implements AsyncIterableIterator<T> {
  readonly #source: ChannelSource;
  readonly #values: T[] = [];
  #waiting: ((result: IteratorResult<T>) => void)[] = [];
  #ended = false;

  constructor(source: ChannelSource) {
    this.#source = source;
  }

  get empty(): boolean {
    return this.#values.length === 0;
  }

  push(value: T): void {
    if (this.#ended) return;
    const waiting = this.#waiting.shift();
    if (waiting) return waiting({ done: false, value });
    this.#values.push(value);
    if (this.#values.length === HIGH_WATER) this.#source.pause();
  }

  /** What was pushed before is still handed out. */
  end(): void {
    this.#ended = true;
    for (const waiting of this.#waiting) waiting({ done: true, value: undefined });
    this.#waiting = [];
  }

  next(): Promise<IteratorResult<T>> {
    const value = this.#values.shift();
    if (value !== undefined) {
      if (this.#values.length === HIGH_WATER - 1) this.#source.resume();
      return Promise.resolve({ done: false, value });
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<T>> {
    this.#values.length = 0;
    this.end();
    this.#source.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
