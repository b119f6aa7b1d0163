import type { Writable } from 'node:stream';

/**
 * Writes what `source` gives to `sink`, no faster than it takes it, until the source ends or the
 * reader is gone. A source that is left early is told so (`return`), so that it can let go of what it
 * follows. Resolves to whether the source came to its end.
 */
export async function pump(
  source: AsyncIterable<Uint8Array | string>,
  sink: Writable,
  gone: AbortSignal,
): Promise<boolean> {
  const iterator = source[Symbol.asyncIterator]();
  let leave = (): void => undefined;
  const onGone = (): void => leave();
  gone.addEventListener('abort', onGone);
  // One promise for each wait: racing with a single long-lived one would collect reactions on it.
  const unlessGone = <T>(wait: Promise<T>): Promise<T | undefined> =>
    new Promise((resolve, reject) => {
      leave = () => resolve(undefined);
      wait.then(resolve, reject);
      if (gone.aborted) leave();
    });
  try {
    for (;;) {
      const next = await unlessGone(iterator.next());
      if (next === undefined) {
        leaveSource(iterator);
        return false;
      }
      if (next.done) return true;
      if (!sink.write(next.value)) await unlessGone(drained(sink));
    }
  } finally {
    gone.removeEventListener('abort', onGone);
  }
}

/** Nobody waits for the source: a generator answers `return` only after its pending `next`. */
function leaveSource(iterator: AsyncIterator<unknown>): void {
  iterator.return?.().catch(() => undefined);
}

function drained(sink: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      sink.off('drain', done);
      sink.off('close', done);
      resolve();
    };
    sink.on('drain', done);
    sink.on('close', done);
    if (sink.destroyed) done();
  });
}
