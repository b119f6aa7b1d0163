/** Everything that the records call for, record by record. */
import { classic } from '../firewall/classic/classic.ts';
import type { FirewallLayout, FirewallOptions, Place } from '../firewall/layout.ts';
import type { SandboxRecord } from '../network/endpoint.ts';
import type { NetworkRecord } from '../network/network.ts';
import type { Desired } from '../plan/object.ts';
import { ENGINE } from '../plan/owner.ts';
import { bridge } from './bridge.ts';
import { nothing, type Driver } from './driver.ts';
import { sandboxObjects } from './sandbox.ts';

const DRIVERS: Readonly<Record<string, Driver>> = { bridge, host: nothing, null: nothing };

/** Says which objects each record calls for: drivers and firewall layout under one roof. */
export class Designer {
  readonly #options: FirewallOptions;
  readonly #layout: FirewallLayout;

  constructor(options: FirewallOptions, layout: FirewallLayout = classic) {
    this.#options = options;
    this.#layout = layout;
  }

  /** What is there as long as the engine is. */
  engine(): readonly Desired[] {
    const forwarding: Desired = {
      kind: 'sysctl',
      namespace: 'host',
      name: 'net/ipv4/ip_forward',
      value: '1',
      owner: ENGINE,
      why: 'The host routes between its bridges and its other links.',
    };
    return [...(this.#options.ipForward ? [forwarding] : []), ...this.#layout.engine(this.#options)];
  }

  network(network: NetworkRecord): readonly Desired[] {
    if (network.configOnly) return [];
    return [...driverOf(network).network(network, this.#options), ...this.#layout.network(network, this.#options)];
  }

  /** `places`: the endpoints of the sandbox. */
  sandbox(sandbox: SandboxRecord, containerName: string, places: readonly Place[]): readonly Desired[] {
    return sandboxObjects(sandbox, containerName, places);
  }

  endpoint(place: Place): readonly Desired[] {
    const driver = driverOf(place.network);
    return [...driver.endpoint(place, this.#options), ...this.#layout.endpoint(place, this.#options)];
  }
}

function driverOf(network: NetworkRecord): Driver {
  const driver = DRIVERS[network.driver];
  if (!driver) throw new Error(`network ${network.name} has the driver ${network.driver}, which is not known`);
  return driver;
}
