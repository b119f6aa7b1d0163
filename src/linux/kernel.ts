import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Kernel, KernelError, type Notice, type Presence, type Scope } from '../core/engine/kernel.ts';
import { bareStep } from '../core/plan/bare.ts';
import type { KernelObject, Namespace } from '../core/plan/object.ts';
import type { Step } from '../core/plan/step.ts';
import { namespaceFolder } from './namespaces.ts';
import { readable } from './netlink/socket.ts';
import { type Answer, Hearing, type Request, type Settings, type Task } from './protocol.ts';

export interface LinuxKernelOptions {
  /** Holds what lasts as long as the machine is up: the sandboxes' namespaces are in its folder `netns`. */
  readonly runDirectory: string;
  /** The path of the network namespace that is `host`; undefined: the process's own. */
  readonly hostNamespace?: string;
  /** The bundle of `worker.ts`; undefined: `worker.js` beside the bundle that this is in. */
  readonly worker?: URL;
}

interface Pending {
  /** Those that an answer may be about. */
  readonly steps: readonly Step<KernelObject>[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The Kernel port on the Linux that runs it. Needs root; for iptables its restore and save tools, for nftables its library. */
export class LinuxKernel implements Kernel {
  readonly #folder: string;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  /** Those who listen, by the number of the watch that the worker has of their namespace. */
  readonly #watches = new Map<number, Set<(change: Notice) => void>>();
  readonly #numbers = new Map<Namespace, number>();
  /** The sockets that the worker listens to for the host's watch. A sandbox's come and go with it. */
  readonly #ears = new Map<number, readonly number[]>();
  readonly #hearing = new Int32Array(new SharedArrayBuffer(8));
  #notices = 0;
  #requests = 0;
  #ended: Error | undefined;

  constructor(options: LinuxKernelOptions) {
    this.#folder = namespaceFolder(options.runDirectory);
    const settings: Settings = {
      folder: this.#folder,
      host: options.hostNamespace,
      hearing: this.#hearing,
    };
    this.#worker = new Worker(options.worker ?? new URL('worker.js', import.meta.url), { workerData: settings });
    this.#worker.on('message', (message: Answer) => this.#receive(message));
    this.#worker.on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => this.#end(new Error('the kernel port is closed')));
  }

  async apply(steps: readonly Step<KernelObject>[]): Promise<void> {
    if (steps.length > 0) await this.#ask({ task: 'apply', steps: JSON.stringify(steps.map(bareStep)) }, steps);
  }

  async observe(scope: Scope): Promise<readonly KernelObject[]> {
    return (await this.#ask({ task: 'observe', scope })) as readonly KernelObject[];
  }

  watch(namespace: Namespace, changed: (change: Notice) => void): { close(): void } {
    // A worker that fails ends every request that is made of it; a watch has nobody to tell.
    const ignore = () => {};
    const listener: typeof changed = (change) => changed(change);
    const watch = this.#numbers.get(namespace) ?? (this.#requests += 1);
    const listeners = this.#watches.get(watch) ?? new Set();
    if (listeners.size === 0) {
      const keep = (ears: unknown): void => {
        if (namespace === 'host' && this.#watches.has(watch)) this.#ears.set(watch, ears as readonly number[]);
      };
      this.#ask({ task: 'watch', watch, namespace }).then(keep, ignore);
    }
    this.#numbers.set(namespace, watch);
    this.#watches.set(watch, listeners.add(listener));
    return {
      close: () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        this.#numbers.delete(namespace);
        this.#watches.delete(watch);
        this.#ears.delete(watch);
        this.#ask({ task: 'unwatch', watch }).catch(ignore);
      },
    };
  }

  /** Most of the time nothing is to be heard, and to see that takes no turn of the worker. */
  async heard(): Promise<void> {
    if (!this.#ended && this.#hasHeard()) return;
    await this.#ask({ task: 'hear' });
  }

  #hasHeard(): boolean {
    for (const watch of this.#watches.keys()) {
      const ears = this.#ears.get(watch);
      if (!ears || readable(ears, 0).length > 0) return false;
    }
    // In this order: what the worker took before was on its way then, or is counted.
    return (
      Atomics.load(this.#hearing, Hearing.listening) === 0 &&
      Atomics.load(this.#hearing, Hearing.sent) === this.#notices
    );
  }

  namespacePath(sandbox: string): string {
    return join(this.#folder, sandbox);
  }

  async flushUdpConntrack(flow: { readonly address: string; readonly port: number }): Promise<number> {
    return (await this.#ask({ task: 'flush', ...flow })) as number;
  }

  async announce(presence: Presence): Promise<boolean> {
    return (await this.#ask({ task: 'announce', presence })) as boolean;
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    const exited = new Promise((exit) => this.#worker.once('exit', exit));
    this.#watches.clear();
    this.#numbers.clear();
    await this.#ask({ task: 'close' });
    await exited;
  }

  /** The worker takes one message after another: requests are done in the order that they are made in. */
  #ask(task: Task, steps: readonly Step<KernelObject>[] = []): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = (this.#requests += 1);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { steps, resolve, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
      this.#worker.postMessage({ ...task, id } satisfies Request);
    });
  }

  #receive(message: Answer): void {
    if ('watch' in message) {
      this.#notices += 1;
      for (const changed of this.#watches.get(message.watch) ?? []) changed(message.notice);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if ('value' in message) {
      pending.resolve(message.value);
    } else {
      const { message: text, code, step } = message.refusal;
      pending.reject(new KernelError(text, pending.steps[step], code));
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}
