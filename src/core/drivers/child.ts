/** The macvlan and ipvlan drivers: a container's link is a child of a link of the host, on that link's own network. */
import type { Place } from '../firewall/layout.ts';
import { isParentDriver } from '../network/parent.ts';
import type { NetworkRecord } from '../network/network.ts';
import { desired } from '../plan/desired.ts';
import type { Desired, HostObject } from '../plan/object.ts';
import { endpointOwner, networkOwner } from '../plan/owner.ts';
import type { Driver } from './driver.ts';
import { interior } from './interior.ts';

export const child: Driver = { network: networkObjects, endpoint: endpointObjects };

function networkObjects(network: NetworkRecord): Desired[] {
  const { parent: settings } = network;
  if (!settings?.made) return [];
  const { parent: name, made } = settings;
  const owner = networkOwner(network);
  const place = { kind: 'link', namespace: 'host', name, up: true } as const;
  if (made.kind === 'dummy') {
    const why = `${network.name} has no parent: its containers' links are children of one that leads nowhere.`;
    return [{ ...place, type: 'dummy', owner, why }];
  }
  const why = `The containers of ${network.name} are on VLAN ${made.vlan} of ${made.parent}.`;
  return [{ ...place, type: 'vlan', parent: made.parent, vlan: made.vlan, owner, why }];
}

function endpointObjects(place: Place): Desired[] {
  const { endpoint, network, containerName } = place;
  const { parent, driver } = network;
  if (!parent || !isParentDriver(driver)) return [];
  const link: HostObject = {
    kind: 'link',
    type: driver,
    namespace: endpoint.sandboxId,
    name: endpoint.interfaceName,
    parent: parent.parent,
    mode: parent.mode,
    ...(parent.flag === undefined ? {} : { flag: parent.flag }),
    ...(endpoint.mac ? { mac: endpoint.mac } : {}),
    ...(parent.mtu === undefined ? {} : { mtu: parent.mtu }),
    up: true,
  };
  const why = `The place of ${containerName} on the network of ${parent.parent}, as a machine of its own.`;
  return [desired(link, endpointOwner(place), why), ...interior(place)];
}
