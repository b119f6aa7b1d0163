/** Something that holds sockets until it is closed. Closing takes effect before it returns. */
export interface Held {
  close(): void;
}

/** Told in a sentence what went wrong where nobody waits for an answer. */
export type Warn = (message: string) => void;
