/** What the use cases share: the ports, the records and the way of a change. */
import type { Clock } from './clock.ts';
import type { Events } from './event.ts';
import type { Host } from './host.ts';
import type { Images } from './images.ts';
import type { Kernel } from './kernel.ts';
import type { Ledger } from './records.ts';
import type { Runtime } from './runtime.ts';
import type { EngineSettings } from './settings.ts';
import type { Sockets } from './sockets.ts';
import type { Store } from './store.ts';
import type { Transactions } from './transaction.ts';
import type { Volumes } from './volumes.ts';

/** Where the engine says what nobody asked for: repairs, restarts that fail. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
}

/** The world outside of the engine. */
export interface Ports {
  readonly kernel: Kernel;
  readonly sockets: Sockets;
  readonly runtime: Runtime;
  readonly images: Images;
  readonly volumes: Volumes;
  readonly store: Store;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Context extends Ports {
  readonly settings: EngineSettings;
  readonly ledger: Ledger;
  readonly transactions: Transactions;
  readonly events: Events;
}
