import type { LogQuery, OutputChunk } from '../../engine/runtime.ts';

/** The output of all runs of a container, for those who read what is there and those who wait for more. */
export class OutputLog {
  readonly #chunks: OutputChunk[] = [];
  /** Counts the runs that have ended. */
  #ended = 0;
  #closed = false;
  #wake: (() => void)[] = [];

  write(stream: OutputChunk['stream'], text: string, time: string): void {
    this.#chunks.push({ stream, data: new TextEncoder().encode(text), time });
    this.#tell();
  }

  end(): void {
    this.#ended += 1;
    this.#tell();
  }

  /** Nothing will be written any more. */
  close(): void {
    this.#closed = true;
    this.#tell();
  }

  /** `running`: whether a run is going on, which is followed to its end. */
  read(query: LogQuery & { readonly fromNow?: boolean }, running: boolean): AsyncIterable<OutputChunk> {
    const first = query.fromNow ? this.#chunks.length : this.#firstOf(query);
    const follow = query.follow && (running || query.fromNow !== undefined);
    return this.#follow(query, first, follow ? this.#ended + 1 : 0);
  }

  async *#follow(query: LogQuery, first: number, until: number): AsyncGenerator<OutputChunk> {
    for (let at = first; ;) {
      while (at < this.#chunks.length) {
        const chunk = this.#chunks[at++]!;
        if (query[chunk.stream] && isWithin(chunk, query)) yield chunk;
      }
      if (this.#closed || this.#ended >= until) return;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** Each chunk counts as a line. */
  #firstOf({ tail }: LogQuery): number {
    return tail === undefined ? 0 : Math.max(0, this.#chunks.length - tail);
  }

  #tell(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

function isWithin({ time }: OutputChunk, { since, until }: LogQuery): boolean {
  return (!since || time >= since) && (!until || time <= until);
}
