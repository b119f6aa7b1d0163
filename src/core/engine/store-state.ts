import type { StoreContents, StoreEntry } from './store.ts';

/** One note of a store, in the order in which they were made. */
export type StoreNote =
  | { readonly begin: number; readonly intent: unknown; readonly entries?: readonly StoreEntry[] }
  | { readonly commit: number }
  | { readonly abort: number }
  | { readonly write: readonly StoreEntry[] }
  /** The machine was started: its kernel knows nothing of what was done before. */
  | { readonly boot: string };

type Begun = Extract<StoreNote, { begin: number }>;

/** What a store's notes amount to. */
export class StoreState {
  readonly #records = new Map<string, Map<string, unknown>>();
  readonly #intents = new Map<number, Begun>();
  #lastIntent = 0;
  #boot: string | undefined;

  /** Never the number of an intent that was noted before. */
  nextIntent(): number {
    return ++this.#lastIntent;
  }

  /** When the machine was started that the notes are of, as far as they tell. */
  get boot(): string | undefined {
    return this.#boot;
  }

  intents(): readonly number[] {
    return [...this.#intents.keys()];
  }

  apply(note: StoreNote): void {
    if ('begin' in note) {
      this.#lastIntent = Math.max(this.#lastIntent, note.begin);
      this.#intents.set(note.begin, note);
    } else if ('abort' in note) {
      this.#intents.delete(note.abort);
    } else if ('commit' in note) {
      this.#commit(note.commit);
    } else if ('boot' in note) {
      if (this.#boot !== undefined && this.#boot !== note.boot) this.#commitAll();
      this.#boot = note.boot;
    } else {
      this.#enter(note.write);
    }
  }

  contents(): StoreContents {
    return {
      records: new Map([...this.#records].map(([kind, records]) => [kind, new Map(records)])),
      pending: [...this.#intents.values()].map(({ intent }) => intent),
    };
  }

  /** The fewest notes that amount to the same. */
  *notes(): Generator<StoreNote> {
    for (const [kind, records] of this.#records) {
      for (const [id, value] of records) yield { write: [{ op: 'put', kind, id, value }] };
    }
    if (this.#boot !== undefined) yield { boot: this.#boot };
    yield* this.#intents.values();
  }

  /** Those whose entries are here, but for a power cut's sake not the word that they hold: somebody may have been told so. */
  #commitAll(): void {
    for (const { begin, entries } of this.#intents.values()) if (entries) this.#commit(begin);
  }

  #commit(intent: number): void {
    this.#enter(this.#intents.get(intent)?.entries ?? []);
    this.#intents.delete(intent);
  }

  #enter(entries: readonly StoreEntry[]): void {
    for (const entry of entries) {
      const records = this.#records.get(entry.kind) ?? new Map<string, unknown>();
      if (entry.op === 'put') this.#records.set(entry.kind, records.set(entry.id, entry.value));
      else if (records.delete(entry.id) && records.size === 0) this.#records.delete(entry.kind);
    }
  }
}
