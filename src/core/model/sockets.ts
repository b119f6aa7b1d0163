import { SocketError, type Sockets } from '../engine/sockets.ts';
import { key } from '../plan/key.ts';
import type { ListenerObject, SocketObject } from '../plan/object.ts';
import type { Step } from '../plan/step.ts';

type Occupied = Pick<ListenerObject, 'protocol' | 'address' | 'port'>;

/** Sockets that are held, without anybody to talk to. They go with the engine: a new one has a new port. */
export class ModelSockets implements Sockets {
  #held: ReadonlyMap<string, SocketObject> = new Map();
  readonly #occupied: Occupied[] = [];
  readonly #failures = new Set<{ concerns: (step: Step<SocketObject>) => boolean; message: string; code: string }>();

  held(): readonly SocketObject[] {
    return [...this.#held.values()];
  }

  /** Another program of the host binds a port. */
  occupy(...listeners: readonly Occupied[]): void {
    this.#occupied.push(...listeners);
  }

  /** Refuses from now on each step that `concerns` picks, until that is closed. */
  fail(
    concerns: (step: Step<SocketObject>) => boolean,
    message = 'Input/output error',
    code = 'EIO',
  ): { close(): void } {
    const failure = { concerns, message, code };
    this.#failures.add(failure);
    return { close: () => this.#failures.delete(failure) };
  }

  async apply(steps: readonly Step<SocketObject>[]): Promise<void> {
    const held = new Map(this.#held);
    for (const step of steps) {
      const failure = [...this.#failures].find(({ concerns }) => concerns(step));
      if (failure) throw new SocketError(failure.message, step, failure.code);
      if (step.op !== 'add') held.delete(key(step.object));
      if (step.op === 'remove') continue;
      if (held.has(key(step.object)) || this.#isOccupied(step.object)) {
        throw new SocketError('Address already in use', step, 'EADDRINUSE');
      }
      const { owner: _owner, why: _why, ...object } = step.object;
      held.set(key(object), object);
    }
    this.#held = held;
  }

  async close(): Promise<void> {
    this.#held = new Map();
  }

  #isOccupied(object: SocketObject): boolean {
    if (object.kind !== 'listener') return false;
    return this.#occupied.some(
      ({ protocol, address, port }) =>
        protocol === object.protocol && address === object.address && port === object.port,
    );
  }
}
