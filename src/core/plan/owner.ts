import type { Place } from '../firewall/layout.ts';
import type { NetworkRecord } from '../network/network.ts';
import type { Owner } from './object.ts';

/** The owner of what is there as long as the engine is. */
export const ENGINE: Owner = { kind: 'engine', id: 'engine', name: 'engine' };

export function networkOwner({ id, name }: NetworkRecord): Owner {
  return { kind: 'network', id, name };
}

export function endpointOwner({ endpoint, network, containerName }: Place): Owner {
  return { kind: 'endpoint', id: endpoint.id, name: `${containerName} on ${network.name}` };
}
