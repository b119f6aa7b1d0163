import { join } from 'node:path';
import type { Kernel, Notice, Presence, Scope } from '../core/engine/kernel.ts';
import { bareStep } from '../core/plan/bare.ts';
import type { KernelObject, Namespace } from '../core/plan/object.ts';
import type { Step } from '../core/plan/step.ts';
import { KernelThread } from './kernel-thread.ts';
import { namespaceFolder } from './namespaces.ts';

export interface LinuxKernelOptions {
  /** Holds what lasts as long as the machine is up: the sandboxes' namespaces are in its folder `netns`. */
  readonly runDirectory: string;
  /** The path of the network namespace that is `host`; undefined: the process's own. */
  readonly hostNamespace?: string;
  /** The bundle of `worker.ts`; undefined: `worker.js` beside the bundle that this is in. */
  readonly worker?: URL;
}

/** A namespace that somebody listens to. */
interface Watched {
  readonly watch: number;
  readonly listeners: Set<(change: Notice) => void>;
  /** The sockets that the worker listens to, once it does. */
  ears: readonly number[] | undefined;
}

/** The Kernel port on the Linux that runs it. Needs root; for iptables its restore and save tools, for nftables its library. */
export class LinuxKernel implements Kernel {
  readonly #folder: string;
  readonly #thread: KernelThread;
  readonly #ground: number;
  readonly #watched = new Map<Namespace, Watched>();

  constructor(
    { runDirectory, hostNamespace: host, worker = new URL('worker.js', import.meta.url) }: LinuxKernelOptions,
    thread = new KernelThread(worker),
  ) {
    this.#folder = namespaceFolder(runDirectory);
    this.#thread = thread;
    this.#ground = thread.open({ folder: this.#folder, host });
  }

  /** Another host, which the same thread looks after. */
  beside(options: Omit<LinuxKernelOptions, 'worker'>): LinuxKernel {
    return new LinuxKernel(options, this.#thread);
  }

  async apply(steps: readonly Step<KernelObject>[]): Promise<void> {
    if (steps.length > 0)
      await this.#thread.ask(this.#ground, { task: 'apply', steps: JSON.stringify(steps.map(bareStep)) }, steps);
  }

  async observe(scope: Scope): Promise<readonly KernelObject[]> {
    return (await this.#thread.ask(this.#ground, { task: 'observe', scope })) as readonly KernelObject[];
  }

  watch(namespace: Namespace, changed: (change: Notice) => void): { close(): void } {
    const watched = this.#watched.get(namespace) ?? this.#listen(namespace);
    const listener: typeof changed = (change) => changed(change);
    watched.listeners.add(listener);
    return {
      close: () => {
        if (!watched.listeners.delete(listener) || watched.listeners.size > 0) return;
        const { watch } = watched;
        this.#watched.delete(namespace);
        this.#thread.unlisten(watch);
        this.#thread.ask(this.#ground, { task: 'unwatch', watch }).catch(ignore);
      },
    };
  }

  #listen(namespace: Namespace): Watched {
    const listeners: Watched['listeners'] = new Set();
    const watch = this.#thread.listen((notice) => {
      for (const changed of listeners) changed(notice);
    });
    const watched: Watched = { watch, listeners, ears: undefined };
    this.#watched.set(namespace, watched);
    this.#thread.ask(this.#ground, { task: 'watch', watch, namespace }).then((ears) => {
      // A sandbox's come and go with it.
      if (namespace === 'host') watched.ears = ears as readonly number[];
    }, ignore);
    return watched;
  }

  /** Most of the time nothing is to be heard, and to see that takes no turn of the worker. */
  async heard(): Promise<void> {
    const watched = [...this.#watched.values()];
    const isQuiet = watched.every(({ ears }) => ears && this.#thread.hasHeard(ears));
    if (this.#thread.hasEnded || !isQuiet) await this.#thread.ask(this.#ground, { task: 'hear' });
  }

  namespacePath(sandbox: string): string {
    return join(this.#folder, sandbox);
  }

  async flushUdpConntrack(flow: { readonly address: string; readonly port: number }): Promise<number> {
    return (await this.#thread.ask(this.#ground, { task: 'flush', ...flow })) as number;
  }

  async announce(presence: Presence): Promise<boolean> {
    return (await this.#thread.ask(this.#ground, { task: 'announce', presence })) as boolean;
  }

  async close(): Promise<void> {
    for (const { watch } of this.#watched.values()) this.#thread.unlisten(watch);
    this.#watched.clear();
    await this.#thread.close(this.#ground);
  }
}

/** A worker that fails ends every request that is made of it; a watch has nobody to tell. */
const ignore = (): void => {};
