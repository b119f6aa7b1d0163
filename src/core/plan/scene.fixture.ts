/** Hosts for tests: some networks with containers on them, and all that they call for. */
import * as fc from 'fast-check';
import { endpointObjects, engineObjects, networkObjects, sandboxObjects } from '../drivers/drivers.ts';
import type { FirewallOptions, Place } from '../firewall/layout.ts';
import { network, place, SANDBOX } from '../firewall/records.fixture.ts';
import type { Desired } from './object.ts';

export interface Scene {
  readonly options: FirewallOptions;
  readonly networks: readonly { readonly number: number; readonly icc: boolean; readonly internal: boolean }[];
  readonly containers: readonly {
    readonly number: number;
    readonly network: number;
    readonly ports: readonly number[];
    readonly sequence: number;
  }[];
}

export const options = fc.record({
  backend: fc.constantFrom('iptables', 'nftables'),
  iptables: fc.constant(true),
  ip6tables: fc.boolean(),
  userlandProxy: fc.boolean(),
  allowDirectRouting: fc.boolean(),
  ipForward: fc.boolean(),
  forwardDrop: fc.boolean(),
});

export const scene = (options: fc.Arbitrary<FirewallOptions>): fc.Arbitrary<Scene> =>
  fc.record({
    options,
    networks: fc.uniqueArray(
      fc.record({ number: fc.integer({ min: 1, max: 5 }), icc: fc.boolean(), internal: fc.boolean() }),
      { selector: ({ number }) => number, maxLength: 5 },
    ),
    containers: fc.uniqueArray(
      fc.record({
        number: fc.integer({ min: 2, max: 6 }),
        network: fc.integer({ min: 1, max: 5 }),
        ports: fc.uniqueArray(fc.integer({ min: 80, max: 83 }), { maxLength: 3 }),
        sequence: fc.integer({ min: 1, max: 9 }),
      }),
      { selector: ({ number }) => number, maxLength: 5 },
    ),
  });

export function desiredOf({ options, networks, containers }: Scene): Desired[] {
  const records = new Map(
    networks.map(({ number, icc, internal }) => [
      number,
      network(`net${number}`, number, { internal, bridge: { icc } }),
    ]),
  );
  const objects: Desired[] = [...engineObjects(options)];
  for (const its of records.values()) objects.push(...networkObjects(its, options));
  for (const { number, network: on, ports, sequence } of containers) {
    const name = `c${number}`;
    const its = records.get(on);
    // Host ports differ between containers; sctp makes a rule that two containers may share.
    const bindings = ports.map((port) => `${port + number * 1000}:${port}${port === 83 ? '/sctp' : ''}`);
    const places: Place[] = its
      ? [place(name, its, `172.${on + 16}.0.${number}/16`, bindings, { bindingSequence: sequence * 10 + number })]
      : [];
    objects.push(...sandboxObjects({ ...SANDBOX, id: `${name}-sandbox` }, name, places));
    for (const where of places) objects.push(...endpointObjects(where, options));
  }
  return objects;
}
