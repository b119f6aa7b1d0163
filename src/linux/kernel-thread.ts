/** The worker that talks to the kernel, for those who ask it about one host or another. */
import { Worker } from 'node:worker_threads';
import { KernelError, type Notice } from '../core/engine/kernel.ts';
import type { KernelObject } from '../core/plan/object.ts';
import type { Step } from '../core/plan/step.ts';
import { readable } from './netlink/socket.ts';
import { type Answer, Hearing, type Opening, type Request, type Settings, type Task } from './protocol.ts';

interface Pending {
  /** Those that an answer may be about. */
  readonly steps: readonly Step<KernelObject>[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class KernelThread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #watches = new Map<number, (notice: Notice) => void>();
  readonly #hearing = new Int32Array(new SharedArrayBuffer(8));
  readonly #exited: Promise<void>;
  #notices = 0;
  #numbers = 0;
  #grounds = 0;
  #ended: Error | undefined;

  constructor(worker: URL) {
    const settings: Settings = { hearing: this.#hearing };
    this.#worker = new Worker(worker, { workerData: settings });
    this.#worker.on('message', (message: Answer) => this.#receive(message));
    this.#worker.on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))));
    this.#exited = new Promise((exited) => this.#worker.once('exit', exited));
    void this.#exited.then(() => this.#end(new Error('the kernel port is closed')));
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** A host to ask for: its number. */
  open(opening: Omit<Opening, 'task'>): number {
    const ground = (this.#numbers += 1);
    this.#grounds += 1;
    this.#post({ task: 'open', ...opening, ground });
    return ground;
  }

  /** With its last host the thread ends. */
  async close(ground: number): Promise<void> {
    if (this.#ended) return;
    await this.ask(ground, { task: 'close' });
    this.#grounds -= 1;
    if (this.#grounds === 0) await this.#exited;
  }

  /** The worker takes one message after another: requests are done in the order that they are made in. */
  ask(ground: number, task: Task, steps: readonly Step<KernelObject>[] = []): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = (this.#numbers += 1);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { steps, resolve, reject });
      this.#post({ ...task, id, ground });
    });
  }

  /** The number of a new watch, whose notices `told` is told. */
  listen(told: (notice: Notice) => void): number {
    const watch = (this.#numbers += 1);
    this.#watches.set(watch, told);
    return watch;
  }

  unlisten(watch: number): void {
    this.#watches.delete(watch);
  }

  /** Whether there is nothing in those sockets of the worker's, and nothing on its way that it took from them. */
  hasHeard(ears: readonly number[]): boolean {
    if (readable(ears, 0).length > 0) return false;
    // In this order: what the worker took before was on its way then, or is counted.
    return (
      Atomics.load(this.#hearing, Hearing.listening) === 0 &&
      Atomics.load(this.#hearing, Hearing.sent) === this.#notices
    );
  }

  #post(request: Request): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
    this.#worker.postMessage(request);
  }

  #receive(message: Answer): void {
    if (typeof message === 'number') return this.#settle(message)?.resolve(undefined);
    if ('watch' in message) {
      this.#notices += 1;
      return this.#watches.get(message.watch)?.(message.notice);
    }
    const pending = this.#settle(message.id);
    if ('value' in message) {
      pending?.resolve(message.value);
    } else {
      const { message: text, code, step } = message.refusal;
      pending?.reject(new KernelError(text, pending.steps[step], code));
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}
