/** What the engine stands on: a real Linux, or one in memory. */
import type { Names } from '../../core/engine/names.ts';
import type { Ports } from '../../core/engine/context.ts';
import type { Services } from '../api/services.ts';
import type { LiveTraces } from '../insight/live.ts';
import type { Snapshots } from '../insight/snapshots.ts';
import type { Gathered } from '../insight/texts.ts';

/** What the daemon tells everything of. */
export interface WorldLog {
  info(message: string): void;
  warn(message: string): void;
}

export interface World {
  readonly ports: Omit<Ports, 'images' | 'volumes' | 'log'> & Pick<Services, 'images' | 'volumes'>;
  readonly services: Pick<Services, 'files' | 'archives' | 'processes' | 'system'>;
  /** What the tools print in a sandbox's namespace, or in the host's. */
  readonly gather: (sandbox?: string) => Promise<Gathered>;
  /** Who sends packets to trace. */
  readonly live: (snapshots: Snapshots) => LiveTraces;
  /** Tells the engine, as soon as there is one, to those who are asked for names. */
  readonly connect: (names: Names) => void;
  /** Makes a host to practise on, where there is something to practise for. */
  readonly practiceGround?: () => PracticeGround;
}

/** What another engine stands on that does the same, and is no good to anybody. */
export interface PracticeGround {
  readonly ports: Ports;
  readonly connect: World['connect'];
  /** Where its API may listen. */
  readonly socket: string;
  readonly close: () => Promise<void>;
}

/** What is to be closed at the end, the last opened first. */
export type Opened = (what: string, close: () => unknown) => void;

/** The engine knows who has which name; whoever asks it is made before it. */
export class LateNames implements Names {
  #names: Names | undefined;

  use(names: Names): void {
    this.#names = names;
  }

  lookup(...question: Parameters<Names['lookup']>): ReturnType<Names['lookup']> {
    return this.#names?.lookup(...question);
  }

  reverse(...question: Parameters<Names['reverse']>): ReturnType<Names['reverse']> {
    return this.#names?.reverse(...question);
  }

  upstream(...question: Parameters<Names['upstream']>): ReturnType<Names['upstream']> {
    return this.#names?.upstream(...question) ?? { servers: [] };
  }
}
