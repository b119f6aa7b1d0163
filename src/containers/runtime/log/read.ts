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
    const select = selection(reading.query);
    const file = await open(path, 'r');
    let growth: Growth | undefined;
    try {
      growth = reading.ended && new Growth(path, reading.ended, signal);
      const parser = new LogParser();
      let position = await firstPosition(file, reading);
      for (;;) {
        // Asked before reading, so that what comes in between is found in the next round.
        const more = growth?.begin() ?? false;
        for (;;) {
          const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK, position);
          if (bytesRead === 0) break;
          position += bytesRead;
          const { chunks, last } = select(parser.push(buffer.subarray(0, bytesRead)));
          yield chunks;
          if (last) return;
        }
        if (!more) return;
        await growth?.next();
        if (signal.aborted) return;
      }
    } finally {
      growth?.close();
      await file.close();
    }
  });
}

async function firstPosition(file: FileHandle, { query, from }: LogReading): Promise<number> {
  if (from !== undefined) return lineStart(file, from);
  if (query.tail === undefined) return 0;
  const { size } = await file.stat();
  return tailStart(file, await lineStart(file, size), query.tail);
}

/** Picks the chunks that a query asks for by stream and time; `last`: those that come later are too late. */
function selection(
  query: LogQuery,
): (chunks: readonly OutputChunk[]) => { readonly chunks: readonly OutputChunk[]; readonly last: boolean } {
  const since = query.since === undefined ? '' : normalTime(query.since);
  // Sorts behind every time.
  const until = query.until === undefined ? '~' : normalTime(query.until);
  return (chunks) => ({
    chunks: chunks.filter(({ stream, time }) => query[stream] && time >= since && time <= until),
    last: chunks.some(({ time }) => time > until),
  });
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
