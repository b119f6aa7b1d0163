import { watch } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { LogQuery, OutputChunk } from '../../../core/engine/runtime.ts';
import { cancellable } from '../iteration.ts';
import { normalTime } from '../time.ts';
import { LogParser } from './line.ts';
import { lineStart, tailStart } from './tail.ts';

const BLOCK = 64 * 1024;

export interface LogReading {
  readonly query: LogQuery;
  /** Begin with what is written after this size was seen; undefined: with what the query says. */
  readonly from?: number | undefined;
  /** Resolves when nothing more will be written; undefined: what is there now is all that is wanted. */
  readonly ended: Promise<void> | undefined;
}

/** Reads a log file, and what is added to it until it has ended: every byte once, in order. */
export function readLog(path: string, reading: LogReading): AsyncIterableIterator<OutputChunk> {
  return cancellable(async function* read(signal) {
    const file = await open(path, 'r');
    try {
      yield* select(reading.query, pieces(file, path, reading, signal));
    } finally {
      await file.close();
    }
  });
}

async function* pieces(
  file: FileHandle,
  path: string,
  { query, from, ended }: LogReading,
  signal: AbortSignal,
): AsyncGenerator<OutputChunk> {
  const growth = ended && new Growth(path, ended, signal);
  try {
    const { size } = await file.stat();
    let position = 0;
    if (from !== undefined) position = await lineStart(file, from);
    else if (query.tail !== undefined) position = await tailStart(file, await lineStart(file, size), query.tail);
    const parser = new LogParser();
    for (;;) {
      // Asked before reading, so that what comes in between is found in the next round.
      const more = growth?.begin() ?? false;
      for (;;) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK, position);
        if (bytesRead === 0) break;
        position += bytesRead;
        yield* parser.push(buffer.subarray(0, bytesRead));
      }
      if (!more) return;
      await growth?.next();
      if (signal.aborted) return;
    }
  } finally {
    growth?.close();
  }
}

/** Watches a file grow. */
class Growth {
  readonly #watcher;
  #ended = false;
  #changed = false;
  #wake: () => void = () => {};

  constructor(path: string, ended: Promise<void>, signal: AbortSignal) {
    this.#watcher = watch(path, { persistent: false }, () => {
      this.#changed = true;
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    ended.then(end, end);
    signal.addEventListener('abort', end, { once: true });
  }

  /** Notes what is known before a round of reading; false: it is the last round. */
  begin(): boolean {
    this.#changed = false;
    return !this.#ended;
  }

  /** Resolves when there may be more than at `begin`. */
  next(): Promise<void> {
    if (this.#changed || this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  close(): void {
    this.#watcher.close();
  }
}

/** The chunks that a query asks for by stream and time; pieces after `until` end the reading. */
async function* select(query: LogQuery, chunks: AsyncGenerator<OutputChunk>): AsyncGenerator<OutputChunk> {
  const since = query.since === undefined ? '' : normalTime(query.since);
  const until = query.until === undefined ? undefined : normalTime(query.until);
  for await (const chunk of chunks) {
    if (until !== undefined && chunk.time > until) return;
    if (chunk.time >= since && query[chunk.stream]) yield chunk;
  }
}
