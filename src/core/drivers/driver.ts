/** A network driver: from records to the links, addresses, routes and sysctls that they call for. */
import type { FirewallOptions, Place } from '../firewall/layout.ts';
import type { NetworkRecord } from '../network/network.ts';
import type { Desired } from '../plan/object.ts';

export interface Driver {
  network(network: NetworkRecord, options: FirewallOptions): readonly Desired[];
  endpoint(place: Place, options: FirewallOptions): readonly Desired[];
}

/** For networks that make nothing: `null` leaves its containers alone, `host` lends them the host's links. */
export const nothing: Driver = { network: () => [], endpoint: () => [] };
