import type { SocketObject } from '../plan/object.ts';
import type { Step } from '../plan/step.ts';

/** What could not be bound, with the system's error code (`EADDRINUSE`). */
export class SocketError extends Error {
  override readonly name = 'SocketError';
  readonly step: Step<SocketObject>;
  readonly code: string;

  constructor(message: string, step: Step<SocketObject>, code: string) {
    super(message);
    this.step = step;
    this.code = code;
  }
}

/** The sockets that the engine itself holds: userland proxy listeners and the sandboxes' name servers. */
export interface Sockets {
  /** Does the steps in their order: all of them or none. */
  apply(steps: readonly Step<SocketObject>[]): Promise<void>;
  close(): Promise<void>;
}
