import type { Clock } from '../../engine/clock.ts';
import type { Exit, OutputChunk } from '../../engine/runtime.ts';

/** What a process reads from and writes to. */
export interface Streams {
  readonly input: AsyncIterable<string>;
  readonly write: (text: string, stream?: OutputChunk['stream']) => void;
}

/** What a command line does when it is run. It runs until a signal ends it, if nothing else is said. */
export interface Program {
  /** Why it cannot be run. */
  readonly refusal?: { readonly message: string; readonly exitCode: number };
  /** What it writes when it starts. */
  readonly output?: string;
  /** It ends by itself after so long (ms). */
  readonly ends?: { readonly after: number; readonly exitCode: number };
  /** What it does, and the exit code that it ends with then. */
  readonly run?: (streams: Streams) => Promise<number>;
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
  readonly #streams: Streams;
  #resolve!: (exit: Exit) => void;
  #state: 'waiting' | 'running' | 'frozen' | 'ended' = 'waiting';
  #pending: number[] = [];
  #timer: { cancel(): void } | undefined;

  constructor(pid: number, program: Program, clock: Clock, streams: Streams) {
    this.pid = pid;
    this.#program = program;
    this.#clock = clock;
    this.#streams = streams;
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
    const { output, ends, run } = this.#program;
    if (output) this.#streams.write(output);
    if (run) void this.#run(run);
    if (!ends) return;
    if (ends.after === 0) this.end(ends.exitCode);
    else this.#timer = this.#clock.after(ends.after, () => this.end(ends.exitCode));
  }

  async #run(run: NonNullable<Program['run']>): Promise<void> {
    try {
      this.end(await run(this.#streams));
    } catch (error) {
      this.#streams.write(`${String(error)}\n`, 'stderr');
      this.end(1);
    }
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
