import type { StoreContents, StoreEntry } from './store.ts';

/** One note of a store, in the order in which they were made. */
export type StoreNote =
  | { readonly begin: number; readonly intent: unknown }
  | { readonly commit: number; readonly entries: readonly StoreEntry[] }
  | { readonly abort: number }
  | { readonly write: readonly StoreEntry[] };

/** What a store's notes amount to. */
export class StoreState {
  readonly #records = new Map<string, Map<string, unknown>>();
  readonly #intents = new Map<number, unknown>();
  #lastIntent = 0;

  /** Never the number of an intent that was noted before. */
  nextIntent(): number {
    return ++this.#lastIntent;
  }

  intents(): readonly number[] {
    return [...this.#intents.keys()];
  }

  apply(note: StoreNote): void {
    if ('begin' in note) {
      this.#lastIntent = Math.max(this.#lastIntent, note.begin);
      this.#intents.set(note.begin, note.intent);
    } else if ('abort' in note) {
      this.#intents.delete(note.abort);
    } else if ('commit' in note) {
      this.#intents.delete(note.commit);
      this.#enter(note.entries);
    } else {
      this.#enter(note.write);
    }
  }

  contents(): StoreContents {
    return {
      records: new Map([...this.#records].map(([kind, records]) => [kind, new Map(records)])),
      pending: [...this.#intents.values()],
    };
  }

  /** The fewest notes that amount to the same. */
  *notes(): Generator<StoreNote> {
    for (const [kind, records] of this.#records) {
      for (const [id, value] of records) yield { write: [{ op: 'put', kind, id, value }] };
    }
    for (const [begin, intent] of this.#intents) yield { begin, intent };
  }

  #enter(entries: readonly StoreEntry[]): void {
    for (const entry of entries) {
      const records = this.#records.get(entry.kind) ?? new Map<string, unknown>();
      if (entry.op === 'put') this.#records.set(entry.kind, records.set(entry.id, entry.value));
      else if (records.delete(entry.id) && records.size === 0) this.#records.delete(entry.kind);
    }
  }
}
