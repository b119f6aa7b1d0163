/**
 * The listening sockets of the userland proxy, in memory that the daemon's main thread and the
 * relay's thread share: the one opens and closes them, at once and whatever the other is doing; the
 * other accepts from them. A socket's fd is used under the lock, as its number may be another's when
 * it is closed.
 */

/** Sockets at a time: more than a process may usually have. What is not used takes no memory. */
const CAPACITY = 1 << 17;
/** For how long the lock may be held by somebody who is kept from the processor (ms). */
const PATIENCE = 60_000;

/** The words before the first entry. */
const LOCK = 0;
const STOPPED = 1;
const HEADER = 2;

/** The words of an entry. A whole sockaddr_in6 fills the last seven. */
const FD = 0;
const GENERATION = 1;
const LENGTH = 2;
const ADDRESS = 3;
const WORDS = 10;

/** One listening socket: `slot` is its place; that place's `generation` is another when it is closed. */
export interface ListenerId {
  readonly slot: number;
  readonly generation: number;
}

/** What came of using a socket, and what the socket was at that time. */
export interface Use {
  readonly result: number;
  readonly listener: ListenerId;
  /** The whole sockaddr that its connections go on to. */
  readonly target: Uint8Array;
}

export class ListenerTable {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** Slots that were used before, and the first one that never was. Known to the thread that opens. */
  readonly #free: number[] = [];
  #next = 0;

  /** `shared`: another thread's table. */
  constructor(shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * (HEADER + CAPACITY * WORDS))) {
    this.shared = shared;
    this.#words = new Int32Array(shared);
  }

  /** Notes a socket, and the whole sockaddr that its connections go on to. */
  put(fd: number, target: Uint8Array): ListenerId {
    const slot = this.#free.pop() ?? this.#next++;
    if (slot >= CAPACITY) throw new RangeError(`the userland proxy holds ${CAPACITY} ports at most`);
    const entry = at(slot);
    this.#words[entry + LENGTH] = target.length;
    new Uint8Array(this.shared).set(target, Int32Array.BYTES_PER_ELEMENT * (entry + ADDRESS));
    Atomics.store(this.#words, entry + FD, fd);
    return { slot, generation: Atomics.load(this.#words, entry + GENERATION) };
  }

  /** Forgets a socket; `close` is called while nobody accepts from it. */
  remove({ slot }: ListenerId, close: (fd: number) => void): void {
    const entry = at(slot);
    this.#locked(() => {
      Atomics.add(this.#words, entry + GENERATION, 1);
      close(Atomics.exchange(this.#words, entry + FD, 0));
    });
    this.#free.push(slot);
  }

  /** Calls `use` with a socket that cannot be closed meanwhile; undefined: it is closed. */
  use(slot: number, use: (fd: number) => number): Use | undefined {
    const entry = at(slot);
    return this.#locked(() => {
      const fd = Atomics.load(this.#words, entry + FD);
      if (fd === 0) return undefined;
      const start = Int32Array.BYTES_PER_ELEMENT * (entry + ADDRESS);
      return {
        result: use(fd),
        listener: { slot, generation: Atomics.load(this.#words, entry + GENERATION) },
        target: new Uint8Array(this.shared, start, this.#words[entry + LENGTH]).slice(),
      };
    });
  }

  isOpen({ slot, generation }: ListenerId): boolean {
    return Atomics.load(this.#words, at(slot) + GENERATION) === generation;
  }

  /** Tells the other thread to end. */
  stop(): void {
    Atomics.store(this.#words, STOPPED, 1);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#words, STOPPED) === 1;
  }

  #locked<T>(task: () => T): T {
    while (Atomics.compareExchange(this.#words, LOCK, 0, 1) !== 0) {
      const outcome = Atomics.wait(this.#words, LOCK, 1, PATIENCE);
      if (outcome === 'timed-out') throw new Error("the userland proxy's thread does not answer");
    }
    try {
      return task();
    } finally {
      Atomics.store(this.#words, LOCK, 0);
      Atomics.notify(this.#words, LOCK, 1);
    }
  }
}

const at = (slot: number): number => HEADER + slot * WORDS;
