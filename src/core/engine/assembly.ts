import { Allocator } from './allocator.ts';
import { Announcer } from './announcer.ts';
import { Connectivity } from './connectivity.ts';
import { ContainerUseCases } from './containers.ts';
import type { Context } from './context.ts';
import { NetworkUseCases } from './networks.ts';

/** The use cases over one set of records and ports, and what they share. */
export interface Assembly {
  readonly allocator: Allocator;
  readonly connectivity: Connectivity;
  readonly containers: ContainerUseCases;
  readonly networks: NetworkUseCases;
  /** Stops what follows processes or waits for its time. */
  close(): void;
}

export function assemble(context: Context): Assembly {
  const allocator = new Allocator(context);
  const announcer = new Announcer(context);
  const connectivity = new Connectivity(context, allocator, announcer);
  const containers = new ContainerUseCases(context, connectivity);
  const networks = new NetworkUseCases(context, connectivity, allocator, containers.lifecycle.locks);
  return {
    allocator,
    connectivity,
    containers,
    networks,
    close: () => {
      allocator.close();
      announcer.close();
      containers.lifecycle.close();
      containers.healthChecks.close();
    },
  };
}
