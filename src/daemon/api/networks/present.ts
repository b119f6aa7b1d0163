/** Networks as the Engine API shows them. The order of the fields is Docker's. */
import type { NetworkView } from '../../../core/engine/engine.ts';
import type { NetworkRecord, Pool } from '../../../core/network/network.ts';
import { sorted } from '../sorted.ts';

/** The first version that shows whether a network has IPv4. */
const SHOWS_IPV4 = 48;

export function presentNetwork(view: NetworkView, version: number, options: { readonly members: boolean }): object {
  const { network } = view;
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: network.scope,
    Driver: network.driver,
    ...(version >= SHOWS_IPV4 ? { EnableIPv4: network.enableIPv4 } : {}),
    EnableIPv6: network.enableIPv6,
    IPAM: presentIpam(network),
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: network.ingress,
    ConfigFrom: { Network: network.configFrom },
    ConfigOnly: network.configOnly,
    Containers: options.members ? presentMembers(view) : {},
    Options: sorted(network.options),
    Labels: sorted(network.labels),
  };
}

function presentIpam({ ipam }: NetworkRecord): object {
  return {
    Driver: ipam.driver,
    Options: ipam.options && sorted(ipam.options),
    Config: [4, 6].flatMap((version) => poolsShown(ipam, version)).map(presentPool),
  };
}

/** Those that were asked for, in the user's words; else those that the engine chose. */
function poolsShown({ pools, requested = [] }: NetworkRecord['ipam'], version: number): readonly Pool[] {
  const its = ({ subnet }: Pool): boolean => subnet.includes(':') === (version === 6);
  const asked = requested.filter(its);
  return asked.length > 0 ? asked : pools.filter(its);
}

function presentPool({ subnet, ipRange, gateway, auxiliary }: Pool): object {
  return {
    Subnet: subnet,
    ...(ipRange ? { IPRange: ipRange } : {}),
    ...(gateway ? { Gateway: gateway } : {}),
    ...(auxiliary && Object.keys(auxiliary).length > 0 ? { AuxiliaryAddresses: sorted(auxiliary) } : {}),
  };
}

function presentMembers({ endpoints }: NetworkView): object {
  const members = endpoints.map(({ endpoint, containerName }) => [
    endpoint.containerId,
    {
      Name: containerName,
      EndpointID: endpoint.id,
      MacAddress: endpoint.mac,
      IPv4Address: endpoint.ipv4,
      IPv6Address: endpoint.ipv6,
    },
  ]);
  return sorted(Object.fromEntries(members) as Record<string, object>);
}
