import type { ContainerRecord } from '../../container/container.ts';
import { parseSignal } from '../../container/signal.ts';
import type { Clock } from '../clock.ts';
import type { Ledger } from '../records.ts';
import { RuntimeError, type EtcFile, type Exit, type Runtime } from '../runtime.ts';

const SIGKILL = 9;

/** No process's own, and nobody's to be sent a signal. */
const NO_PID = 0;

/** A process that would be there: it runs until it is sent the signal that ends it. */
class Run {
  readonly exited: Promise<Exit>;
  end!: (exit: Exit) => void;

  constructor() {
    this.exited = new Promise((resolve) => (this.end = resolve));
  }
}

/** Processes begin when they are started and end when they are told to; nothing else is ever heard of them. */
export class RehearsedRuntime implements Runtime {
  readonly #original: Runtime;
  readonly #clock: Clock;
  readonly #ledger: Ledger;
  readonly #runs = new Map<string, Run>();
  readonly #made = new Set<string>();

  constructor(original: Runtime, clock: Clock, ledger: Ledger) {
    this.#original = original;
    this.#clock = clock;
    this.#ledger = ledger;
  }

  async prepare({ id }: ContainerRecord): Promise<void> {
    this.#made.add(id);
  }

  async writeEtc(): Promise<void> {}

  async readEtc(id: string, file: EtcFile): Promise<string> {
    return this.#made.has(id) ? '' : this.#original.readEtc(id, file);
  }

  etcPath(id: string, file: EtcFile): string {
    return this.#original.etcPath(id, file);
  }

  logPath(id: string): string {
    return this.#original.logPath(id);
  }

  async create(): Promise<number> {
    return NO_PID;
  }

  async start(): Promise<void> {}

  async clean(id: string): Promise<void> {
    this.#runs.delete(id);
  }

  async remove(): Promise<void> {}

  exited(id: string): Promise<Exit> {
    return this.#run(id).exited;
  }

  async adopt(): Promise<number> {
    return NO_PID;
  }

  async signal(id: string, signal: number): Promise<void> {
    const stop = parseSignal(this.#ledger.container.get(id)?.config.StopSignal || 'TERM');
    if (signal !== SIGKILL && signal !== stop) return;
    this.#run(id).end({ exitCode: 128 + signal, oomKilled: false, at: this.#clock.now() });
  }

  async pause(): Promise<void> {}
  async unpause(): Promise<void> {}
  async resize(): Promise<void> {}
  async update(): Promise<void> {}

  async *logs(): AsyncGenerator<never> {}

  async input(): Promise<never> {
    throw new RuntimeError('nobody reads what is typed: nothing was started');
  }

  async exec(): Promise<never> {
    throw new RuntimeError('nothing can be executed: nothing was started');
  }

  async processes(): Promise<readonly number[]> {
    return [];
  }

  async close(): Promise<void> {}

  #run(id: string): Run {
    const run = this.#runs.get(id) ?? new Run();
    this.#runs.set(id, run);
    return run;
  }
}
