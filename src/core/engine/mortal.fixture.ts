/** Ports of an engine that is killed at a chosen call. */
import type { Ports } from './context.ts';

/**
 * `after`: the call was done, but its answer never came; to those who come later it is the same as before the next
 * call. `half`: of the steps of a transaction, the first half is done; a real kernel does one after the other.
 */
export type Moment = 'half' | 'after';

export const MOMENTS: readonly Moment[] = ['half', 'after'];

/** The calls that change something outside of the engine. */
const CHANGING: Readonly<Record<string, ReadonlySet<string>>> = {
  kernel: new Set(['apply']),
  sockets: new Set(['apply']),
  store: new Set(['begin', 'commit', 'abort', 'write', 'settle']),
  volumes: new Set(['create', 'remove']),
  runtime: new Set(['prepare', 'writeEtc', 'create', 'start', 'clean', 'remove', 'signal', 'pause', 'unpause']),
};

const NEVER = new Promise<never>(() => undefined);

export class Mortal {
  /** How many calls have changed something since it was armed. */
  calls = 0;
  dead = false;
  #armed = false;
  #last = Number.POSITIVE_INFINITY;
  #moment: Moment = 'after';

  /** From now on calls count, and the one of that number (from 0) is the last. */
  arm(last: number, moment: Moment): void {
    this.#armed = true;
    this.#last = last;
    this.#moment = moment;
  }

  ports(ports: Ports): Ports {
    const guarded = Object.keys(CHANGING).map((name) => [name, this.#guard(name, ports[name as 'kernel'])]);
    const { after, ...clock } = {
      now: () => ports.clock.now(),
      milliseconds: () => ports.clock.milliseconds(),
      hex: (bytes: number) => ports.clock.hex(bytes),
      after: (time: number, run: () => void) => ports.clock.after(time, () => this.dead || run()),
    };
    return { ...ports, ...(Object.fromEntries(guarded) as Partial<Ports>), clock: { ...clock, after } };
  }

  /** The dead call nothing, and are told nothing. */
  #guard<T extends object>(name: string, port: T): T {
    return new Proxy(port, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          if (this.dead) return NEVER;
          const call = (...given: unknown[]): unknown => Reflect.apply(member, target, given);
          const counts = this.#armed && CHANGING[name]!.has(String(property)) && this.#canStop(args);
          const isLast = counts && this.calls++ === this.#last;
          const done = isLast ? this.#die(call, args) : call(...args);
          // What an answer would have led to does not happen any more.
          return done instanceof Promise ? done.then((value) => (this.dead ? NEVER : value)) : done;
        };
      },
    });
  }

  /** Only a list of steps can be half done. */
  #canStop([first]: readonly unknown[]): boolean {
    return this.#moment !== 'half' || (Array.isArray(first) && first.length > 1);
  }

  #die(call: (...args: unknown[]) => unknown, args: readonly unknown[]): Promise<never> {
    this.dead = true;
    const [first] = args;
    if (this.#moment === 'after') void call(...args);
    if (this.#moment === 'half')
      void call((first as readonly unknown[]).slice(0, (first as readonly unknown[]).length / 2));
    return NEVER;
  }
}
