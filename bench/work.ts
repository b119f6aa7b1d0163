/** A piece of work that is measured, and the bench that it is done on. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Engine, EngineOptions } from './engines/engine.ts';
import type { Peer, Unit } from './sheet.ts';

export interface Work {
  readonly name: string;
  /** What is done and measured, in a sentence. */
  readonly about: string;
  /** Whether it is also done when there is little time. */
  readonly quick: boolean;
  run(bench: Bench): Promise<void>;
}

export interface Bench {
  /** Whether there is little time. */
  readonly quick: boolean;
  /** dockerd and ours with each back end, shared by the pieces of work: what is made there is to be removed. */
  engines(): Promise<readonly Engine[]>;
  /** Engines of the work's own, closed after it. */
  open(peers: readonly Peer[], options?: EngineOptions): Promise<readonly Engine[]>;
  /**
   * Does `round` for one peer after the other, `count` times, each time beginning with another one. A
   * first turn warms up; what is measured in it does not count.
   */
  rounds<P extends { readonly name: Peer }>(
    peers: readonly P[],
    count: number,
    round: (peer: P, note: Note, number: number) => Promise<void>,
  ): Promise<void>;
  note: (measure: string, peer: Peer, unit: Unit, value: number) => void;
  /** Says what goes on. */
  say(message: string): void;
}

/** Notes what the peer whose turn it is was measured at. */
export type Note = (measure: string, unit: Unit, value: number) => void;

/**
 * The kernel goes on with a link's end after it has told of it, and holds its lock of links meanwhile, from
 * 10 to 30 ms: whoever is measured next does not pay for who was before (ms).
 */
const SETTLE = 60;

/** How long a task takes, in ms. */
export async function timed(task: () => Promise<unknown>): Promise<number> {
  await pause(SETTLE);
  const begun = performance.now();
  await task();
  return performance.now() - begun;
}
