/** Everything that the records call for, record by record: the drivers' objects and the firewall's. */
import { classic } from '../firewall/classic/classic.ts';
import type { Backend, FirewallLayout, FirewallOptions, Place } from '../firewall/layout.ts';
import { nftables } from '../firewall/nftables/nftables.ts';
import type { NetworkRecord } from '../network/network.ts';
import type { Desired } from '../plan/object.ts';
import { ENGINE } from '../plan/owner.ts';
import { bridge } from './bridge.ts';
import { child } from './child.ts';
import { nothing, type Driver } from './driver.ts';

export { sandboxObjects } from './sandbox.ts';

const DRIVERS: Readonly<Record<string, Driver>> = {
  bridge,
  macvlan: child,
  ipvlan: child,
  host: nothing,
  null: nothing,
};

const LAYOUTS: Readonly<Record<Backend, FirewallLayout>> = { iptables: classic, nftables };

/** What is there as long as the engine is. */
export function engineObjects(options: FirewallOptions): Desired[] {
  const forwarding: Desired = {
    kind: 'sysctl',
    namespace: 'host',
    name: 'net/ipv4/ip_forward',
    value: '1',
    owner: ENGINE,
    why: 'The host routes between its bridges and its other links.',
  };
  return [...(options.ipForward ? [forwarding] : []), ...LAYOUTS[options.backend].engine(options)];
}

export function networkObjects(network: NetworkRecord, options: FirewallOptions): Desired[] {
  if (network.configOnly) return [];
  return [...driverOf(network).network(network, options), ...LAYOUTS[options.backend].network(network, options)];
}

export function endpointObjects(place: Place, options: FirewallOptions): Desired[] {
  return [...driverOf(place.network).endpoint(place, options), ...LAYOUTS[options.backend].endpoint(place, options)];
}

function driverOf(network: NetworkRecord): Driver {
  const driver = DRIVERS[network.driver];
  if (!driver) throw new Error(`network ${network.name} has the driver ${network.driver}, which is not known`);
  return driver;
}
