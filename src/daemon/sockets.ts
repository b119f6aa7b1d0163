import type { Names } from '../core/engine/names.ts';
import { SocketError, type Sockets } from '../core/engine/sockets.ts';
import { key } from '../core/plan/key.ts';
import type { SocketObject } from '../core/plan/object.ts';
import { inverse, type Step } from '../core/plan/step.ts';
import { SystemError } from '../linux/ffi.ts';
import type { Held, Warn } from './held.ts';
import { Resolver } from './names/resolver.ts';
import { openListener } from './proxy/listener.ts';
import { Relay } from './proxy/relay.ts';

export interface HostSocketsOptions {
  readonly names: Names;
  /** The path of a sandbox's network namespace. */
  readonly namespacePath: (sandbox: string) => string;
  readonly warn: Warn;
  /** The bundle of the userland proxy's thread; undefined: `relay-thread.js` beside the bundle that this is in. */
  readonly relay?: URL;
}

type SocketStep = Step<SocketObject>;

/** The sockets of the userland proxy, in the engine's own namespace, and of the name servers, each in its sandbox's. */
export class HostSockets implements Sockets {
  readonly #options: HostSocketsOptions;
  readonly #held = new Map<string, Held>();
  readonly #relay: Relay;

  constructor(options: HostSocketsOptions) {
    this.#options = options;
    this.#relay = new Relay(options.warn, options.relay);
  }

  async apply(steps: readonly SocketStep[]): Promise<void> {
    const done: SocketStep[] = [];
    try {
      for (const step of steps) {
        this.#do(step);
        done.push(step);
      }
    } catch (error) {
      const failures: unknown[] = [error];
      for (const step of done.toReversed()) {
        try {
          this.#do(inverse(step));
        } catch (failure) {
          failures.push(failure);
        }
      }
      if (failures.length === 1) throw error;
      throw new AggregateError(failures, failures.map(String).join('; taking it back: '), { cause: error });
    }
  }

  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const held of this.#held.values()) {
      try {
        held.close();
      } catch (error) {
        failures.push(error);
      }
    }
    this.#held.clear();
    await this.#relay.close();
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
  }

  #do(step: SocketStep): void {
    try {
      if (step.op !== 'add') this.#release(step.op === 'change' ? step.before : step.object);
      if (step.op !== 'remove') this.#hold(step.object);
    } catch (error) {
      throw new SocketError(
        error instanceof Error ? error.message : String(error),
        step,
        error instanceof Error && 'code' in error ? String(error.code) : '',
      );
    }
  }

  /** What is not open needs no closing: the daemon that opened it may have been killed. */
  #release(object: SocketObject): void {
    const held = this.#held.get(key(object));
    this.#held.delete(key(object));
    held?.close();
  }

  #hold(object: SocketObject): void {
    if (this.#held.has(key(object))) throw new SystemError('bind', 'EADDRINUSE', 'Address already in use');
    this.#held.set(key(object), this.#open(object));
  }

  #open(object: SocketObject): Held {
    const { names, namespacePath, warn } = this.#options;
    if (object.kind === 'listener') return openListener(object, this.#relay, warn);
    return new Resolver({ id: object.sandbox, namespace: namespacePath(object.sandbox) }, names, warn);
  }
}
