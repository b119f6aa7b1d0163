/** Time that stands still until it is told to go on, and chance that is the same each time. */
import type { Clock } from '../engine/clock.ts';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

const NANOSECONDS = 1_000_000;

export class ManualClock implements Clock {
  #milliseconds: number;
  /** Within the millisecond: no two times are the same. */
  #nanoseconds = 0;
  #chance: number;
  readonly #timers = new Set<Timer>();

  /** `start`: RFC 3339. `seed`: another one gives other chances. */
  constructor(start = '2019-11-23T17:18:36Z', seed = 1) {
    this.#milliseconds = Date.parse(start);
    this.#chance = seed;
  }

  now(): string {
    this.#nanoseconds = (this.#nanoseconds + 1) % NANOSECONDS;
    const milliseconds = new Date(this.#milliseconds).toISOString().slice(0, -1);
    return `${milliseconds}${String(this.#nanoseconds).padStart(6, '0')}Z`;
  }

  milliseconds(): number {
    return this.#milliseconds;
  }

  after(milliseconds: number, run: () => void): { cancel(): void } {
    const timer: Timer = { at: this.#milliseconds + milliseconds, run };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  hex(bytes: number): string {
    return Array.from({ length: bytes }, () => this.#nextByte().toString(16).padStart(2, '0')).join('');
  }

  /** How long it is until the next timer is due (ms); undefined if there is none. */
  get untilNext(): number | undefined {
    const times = [...this.#timers].map(({ at }) => at - this.#milliseconds);
    return times.length > 0 ? Math.max(0, Math.min(...times)) : undefined;
  }

  /** Lets time pass, and runs the timers that are due in that time in their order, new ones too. */
  advance(milliseconds: number): void {
    const end = this.#milliseconds + milliseconds;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#goTo(Math.max(due.at, this.#milliseconds));
      due.run();
    }
    this.#goTo(end);
  }

  #goTo(milliseconds: number): void {
    if (milliseconds > this.#milliseconds) this.#nanoseconds = 0;
    this.#milliseconds = milliseconds;
  }

  /** Mulberry32. */
  #nextByte(): number {
    this.#chance = (this.#chance + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#chance ^ (this.#chance >>> 15), 1 | this.#chance);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) >>> 24;
  }
}
