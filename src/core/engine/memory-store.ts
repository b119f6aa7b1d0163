import { StoreState, type StoreNote } from './store-state.ts';
import type { Store, StoreContents, StoreEntry } from './store.ts';

/** A store that lives as long as this object: loading it again is what a restart is to a journal. */
export class MemoryStore implements Store {
  readonly #state = new StoreState();
  #found: readonly number[] = [];

  async load(): Promise<StoreContents> {
    this.#found = this.#state.intents();
    return this.#state.contents();
  }

  async begin(intent: unknown, entries?: readonly StoreEntry[]): Promise<number> {
    const begin = this.#state.nextIntent();
    this.#note({ begin, intent, ...(entries && { entries }) });
    return begin;
  }

  async commit(intent: number): Promise<void> {
    this.#note({ commit: intent });
  }

  async abort(intent: number): Promise<void> {
    this.#note({ abort: intent });
  }

  async settle(): Promise<void> {
    for (const abort of this.#found) this.#note({ abort });
    this.#found = [];
  }

  async write(entries: readonly StoreEntry[]): Promise<void> {
    this.#note({ write: entries });
  }

  async close(): Promise<void> {}

  /** What is stored shares nothing with what was given, as on a disk. */
  #note(note: StoreNote): void {
    this.#state.apply(JSON.parse(JSON.stringify(note)) as StoreNote);
  }
}
