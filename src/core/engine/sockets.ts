import { describe } from '../plan/describe.ts';
import type { SocketObject } from '../plan/object.ts';
import type { Step } from '../plan/step.ts';

/** What could not be bound, with the system's words for why and its error code (`EADDRINUSE`). */
export class SocketError extends Error {
  override readonly name = 'SocketError';
  readonly step: Step<SocketObject>;
  readonly reason: string;
  readonly code: string;

  constructor(reason: string, step: Step<SocketObject>, code: string) {
    super(`${describe(step.object)}: ${reason}`);
    this.step = step;
    this.reason = reason;
    this.code = code;
  }
}

/** The sockets that the engine itself holds: userland proxy listeners and the sandboxes' name servers. */
export interface Sockets {
  /** Does the steps in their order: all of them or none. */
  apply(steps: readonly Step<SocketObject>[]): Promise<void>;
  close(): Promise<void>;
}
