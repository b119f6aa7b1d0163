/** Something that happened, as the Engine API tells it. */
export interface EngineEvent {
  readonly type: 'network' | 'container' | 'image' | 'volume' | 'daemon';
  /** `create`, `connect`, `start`, `die`, `exec_create: sh`, … */
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
}

type Listener = (event: EngineEvent) => void;

const REMEMBERED = 256;

/** Tells events to whoever listens, and remembers the last ones for `since`. */
export class Events {
  readonly #listeners = new Set<Listener>();
  readonly #past: EngineEvent[] = [];

  publish(event: EngineEvent): void {
    this.#past.push(event);
    if (this.#past.length > REMEMBERED) this.#past.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** The remembered events, oldest first. */
  past(): readonly EngineEvent[] {
    return this.#past;
  }

  subscribe(listener: Listener): { close(): void } {
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }
}
