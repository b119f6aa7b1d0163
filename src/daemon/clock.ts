import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/engine/clock.ts';

const MILLION = 1_000_000n;

/** The machine's time and chance. */
export class SystemClock implements Clock {
  #last = 0n;

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
    return randomBytes(bytes).toString('hex');
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
