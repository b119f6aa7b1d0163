import type { EtcFile } from '../../engine/runtime.ts';
import type { NameAnswer } from '../../engine/names.ts';
import type { Linux } from '../linux.ts';
import type { Streams } from '../runtime/process.ts';

/** What becomes of a packet that is sent. */
export interface Reached {
  readonly verdict: 'pass' | 'block' | 'unknown';
  /** Who decided it, and why. */
  readonly reason: string;
}

/** What a simulated program can find out. */
export interface Surroundings {
  /** The network namespace that it is in. */
  readonly namespace: string;
  readonly hostname: string;
  readonly tty: boolean;
  readonly linux: () => Linux;
  readonly etc: (file: EtcFile) => string | undefined;
  /** Whom the engine knows by that name here. */
  readonly lookup: (name: string) => NameAnswer | undefined;
  /** Walks a packet from here to `ADDRESS:PORT/tcp`, `ADDRESS/icmp`. */
  readonly reach: (target: string) => Promise<Reached>;
  /** Resolves after so many milliseconds. */
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** A program that is simulated: writes its answer, and gives its exit code. */
export type Command = (
  args: readonly string[],
  surroundings: Surroundings,
  write: Streams['write'],
) => number | Promise<number>;
