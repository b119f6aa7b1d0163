import { randomFillSync } from 'node:crypto';
import type { Clock } from '../core/engine/clock.ts';

const MILLION = 1_000_000n;

/** Bytes of chance that are fetched at once: to fetch some costs as much as to fetch many. */
const CHANCE = 4096;

/** The machine's time and chance. */
export class SystemClock implements Clock {
  #last = 0n;
  readonly #chance = Buffer.alloc(CHANCE);
  #used = CHANCE;

  now(): string {
    const time = this.#nanoseconds();
    const seconds = new Date(Number(time / MILLION)).toISOString().slice(0, 19);
    return `${seconds}.${(time % 1_000_000_000n).toString().padStart(9, '0')}Z`;
  }

  milliseconds(): number {
    return Date.now();
  }

  after(milliseconds: number, run: () => void): { cancel(): void } {
    // A daemon that is stopped waits for nothing any more.
    const timer = setTimeout(run, milliseconds).unref();
    return { cancel: () => clearTimeout(timer) };
  }

  hex(bytes: number): string {
    if (this.#used + bytes > CHANCE) {
      randomFillSync(this.#chance);
      this.#used = 0;
    }
    const text = this.#chance.toString('hex', this.#used, this.#used + bytes);
    this.#used += bytes;
    return text;
  }

  /**
   * The wall clock's milliseconds, with the monotonic clock's digits below. Never the same or less
   * than just before, so that records keep their order, unless the wall clock was set back.
   */
  #nanoseconds(): bigint {
    const time = BigInt(Date.now()) * MILLION + (process.hrtime.bigint() % MILLION);
    const isSetBack = this.#last - time > 1000n * MILLION;
    this.#last = time > this.#last || isSetBack ? time : this.#last + 1n;
    return this.#last;
  }
}
