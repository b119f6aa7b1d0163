import type { Input } from '../../engine/runtime.ts';

/** What is typed or piped in, piece by piece, for the one who reads it until its end. */
export class InputQueue implements AsyncIterable<string> {
  readonly #decoder = new TextDecoder();
  readonly #pieces: string[] = [];
  #isEnded = false;
  #wake: () => void = () => undefined;

  /** A writer. `once`: when it ends, so does the input. */
  writer({ once }: { readonly once: boolean }): Input {
    return {
      write: async (data) => {
        this.#pieces.push(this.#decoder.decode(data, { stream: true }));
        this.#wake();
      },
      end: async () => {
        if (once) this.end();
      },
    };
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) yield piece;
      else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
