/** An engine with the Docker Engine API in a namespace of its own, with another machine wired to it. */
import type { Client } from '../client.ts';
import type { Peer } from '../sheet.ts';

export interface EngineOptions {
  /** Command line options that all engines understand. */
  readonly flags?: readonly string[];
}

/** A pool that gives a thousand small networks: the default ones end after thirty. */
export const MANY_NETWORKS = ['--default-address-pool', 'base=10.64.0.0/10,size=24'];

/** The host's address, as the other machine sees it. */
export const HOST_ADDRESS = '198.51.100.1';

export interface Engine {
  readonly name: Peer;
  readonly api: Client;
  readonly directory: string;
  readonly socket: string;
  /** The namespaces that are the host and the other machine. */
  readonly netns: string;
  readonly world: string;
  /** The daemon's process. */
  readonly pid: number;
  /** Ends the daemon and starts it again, the containers go on. Gives the time until the API answers (ms). */
  restart(): Promise<number>;
  /** Removes all that there is, also containers, without asking the daemon. */
  close(): Promise<void>;
}
