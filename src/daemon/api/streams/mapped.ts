/**
 * Each value of `source` through `map`. Unlike a generator it passes `return` on at once, also while
 * a value is awaited, so that a silent source can be left.
 */
export function mapped<A, B>(source: AsyncIterable<A>, map: (value: A) => B): AsyncIterable<B> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = source[Symbol.asyncIterator]();
      return {
        async next(): Promise<IteratorResult<B>> {
          const next = await iterator.next();
          return next.done ? { done: true, value: undefined } : { done: false, value: map(next.value) };
        },
        async return(): Promise<IteratorResult<B>> {
          await iterator.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
