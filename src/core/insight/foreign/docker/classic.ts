/**
 * Docker's rules up to version 27, in the words of our own classic layout, which writes the same
 * ones: each way of setting up a network that the rules speak of is laid out, and what is found among
 * these rules has its reason from there.
 */
import { classic } from '../../../firewall/classic/classic.ts';
import type { FirewallOptions } from '../../../firewall/layout.ts';
import type { BridgeSettings, NetworkRecord } from '../../../network/network.ts';
import { key } from '../../../plan/key.ts';
import type { Reason } from '../../../plan/object.ts';
import type { Inferred } from './infer.ts';

const OPTIONS: FirewallOptions = {
  backend: 'iptables',
  iptables: true,
  ip6tables: true,
  userlandProxy: true,
  allowDirectRouting: false,
  ipForward: true,
  forwardDrop: true,
};

/** Object's key -> who called for it and why. */
export function classicReasons({ networks, places }: Inferred): ReadonlyMap<string, Reason> {
  const reasons = new Map<string, Reason>();
  // The usual set-up is told first, and what was told first stays.
  for (const options of [OPTIONS, { ...OPTIONS, userlandProxy: false }]) {
    const objects = [
      ...classic.engine(options),
      ...[...networks.values()].flatMap(variants).flatMap((network) => classic.network(network, options)),
      ...places.flatMap((place) => classic.endpoint(place, options)),
    ];
    for (const object of objects) if (!reasons.has(key(object))) reasons.set(key(object), object);
  }
  return reasons;
}

function variants(network: NetworkRecord): NetworkRecord[] {
  const changed = (bridge: Partial<BridgeSettings>, internal = false): NetworkRecord => ({
    ...network,
    internal,
    bridge: { ...network.bridge!, ...bridge },
  });
  return [
    network,
    changed({ icc: false }),
    changed({}, true),
    changed({ gatewayMode4: 'routed', gatewayMode6: 'routed' }),
    changed({ gatewayMode4: 'nat-unprotected', gatewayMode6: 'nat-unprotected' }),
  ];
}
