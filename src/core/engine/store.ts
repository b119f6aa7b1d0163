/** One change of the stored records: a whole record put, or one deleted. Values are plain JSON. */
export type StoreEntry =
  | { readonly op: 'put'; readonly kind: string; readonly id: string; readonly value: unknown }
  | { readonly op: 'delete'; readonly kind: string; readonly id: string };

/** What a store holds when it is opened. */
export interface StoreContents {
  /** kind -> id -> record */
  readonly records: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
  /** Intents that were begun and neither committed nor aborted: the engine died on the way. */
  readonly pending: readonly unknown[];
}

/**
 * Where the records live. An intent says what is about to be done, so that after a crash what was
 * half done is known; a commit makes the entries durable and ends the intent.
 */
export interface Store {
  load(): Promise<StoreContents>;
  /**
   * Notes an intent (plain JSON), and the entries that its commit makes true. They are on their way to the disk
   * while it is carried out; after a power cut, which takes the kernel's state away, they count as committed.
   */
  begin(intent: unknown, entries?: readonly StoreEntry[]): Promise<number>;
  /** Durable when it resolves. */
  commit(intent: number): Promise<void>;
  /** Durable when it resolves, if there are entries that it withdraws. */
  abort(intent: number): Promise<void>;
  /** Ends the intents that `load` found pending: what they left half done is repaired. Until then each load finds them. */
  settle(): Promise<void>;
  /** Entries without an intent: changes that touch no kernel object. Durable when it resolves. */
  write(entries: readonly StoreEntry[]): Promise<void>;
  close(): Promise<void>;
}
