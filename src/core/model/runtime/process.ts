import type { Clock } from '../../engine/clock.ts';
import type { Exit } from '../../engine/runtime.ts';

/** What a command line does when it is run. */
export interface Program {
  /** Why it cannot be run. */
  readonly refusal?: { readonly message: string; readonly exitCode: number };
  /** What it writes when it starts. */
  readonly output?: string;
  /** It ends by itself after so long (ms). */
  readonly ends?: { readonly after: number; readonly exitCode: number };
  /** Signals that it takes no notice of. */
  readonly ignores?: readonly number[];
}

const SIGKILL = 9;
/** Signals that end no process that has not asked for them: CHLD, CONT, URG, WINCH. */
const HARMLESS: ReadonlySet<number> = new Set([17, 18, 23, 28]);

/** A process: waits for its start, runs, is frozen at times, ends once. */
export class ModelProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly #program: Program;
  readonly #clock: Clock;
  readonly #write: (text: string) => void;
  #resolve!: (exit: Exit) => void;
  #state: 'waiting' | 'running' | 'frozen' | 'ended' = 'waiting';
  #pending: number[] = [];
  #timer: { cancel(): void } | undefined;

  constructor(pid: number, program: Program, clock: Clock, write: (text: string) => void) {
    this.pid = pid;
    this.#program = program;
    this.#clock = clock;
    this.#write = write;
    this.exited = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** Created and not started. */
  get isWaiting(): boolean {
    return this.#state === 'waiting';
  }

  start(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'running';
    const { output, ends } = this.#program;
    if (output) this.#write(output);
    if (!ends) return;
    if (ends.after === 0) this.end(ends.exitCode);
    else this.#timer = this.#clock.after(ends.after, () => this.end(ends.exitCode));
  }

  signal(signal: number): void {
    if (signal === SIGKILL) this.end(128 + SIGKILL);
    else if (this.#state === 'frozen') this.#pending.push(signal);
    else if (!HARMLESS.has(signal) && !this.#program.ignores?.includes(signal)) this.end(128 + signal);
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  /** What it was sent while it was frozen reaches it now. */
  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    for (const signal of this.#pending.splice(0)) this.signal(signal);
  }

  end(exitCode: number, oomKilled = false): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#timer?.cancel();
    this.#resolve({ exitCode, oomKilled, at: this.#clock.now() });
  }
}
