/** What a container's place on a network puts into its sandbox besides the link itself; the same for all drivers. */
import { printAddress } from '../address/address.ts';
import { broadcastAddress, parseCidr } from '../address/prefix.ts';
import type { Place } from '../firewall/layout.ts';
import { parseEndpointOptions } from '../network/endpoint-options.ts';
import { desired } from '../plan/desired.ts';
import type { AddressObject, Desired, HostObject, Namespace, SysctlObject } from '../plan/object.ts';
import { endpointOwner } from '../plan/owner.ts';

export function interior(place: Place): Desired[] {
  const { endpoint, network, containerName } = place;
  const owner = endpointOwner(place);
  const namespace = endpoint.sandboxId;
  const link = endpoint.interfaceName;
  const objects: Desired[] = [];
  const want = (why: string, ...wanted: HostObject[]) => objects.push(...wanted.map((its) => desired(its, owner, why)));

  const own = [endpoint.ipv4, endpoint.ipv6, ...endpoint.linkLocalAddresses].filter((its) => its !== '');
  if (own.some((its) => its.includes(':'))) {
    want(
      `${containerName} has an IPv6 address on ${network.name}.`,
      sysctl(`net/ipv6/conf/${link}/disable_ipv6`, '0', namespace),
    );
  }
  for (const { name, value } of parseEndpointOptions(endpoint.driverOptions).sysctls) {
    want(`Whoever connected ${containerName} to ${network.name} asked for it.`, sysctl(name(link), value, namespace));
  }
  want(`The address of ${containerName} on ${network.name}.`, ...own.map((its) => address(namespace, link, its)));
  const way = `${containerName} reaches everything else through ${network.name}.`;
  for (const [family, via, isGateway] of [
    ['ip', endpoint.gateway4, endpoint.isGateway4],
    ['ip6', endpoint.gateway6, endpoint.isGateway6],
  ] as const) {
    if (isGateway) want(way, { kind: 'route', namespace, family, to: 'default', ...(via ? { via } : {}), link });
  }
  return objects;
}

export function address(namespace: Namespace, link: string, text: string): AddressObject {
  const cidr = parseCidr(text);
  const broadcast = cidr && broadcastAddress(cidr.prefix);
  return {
    kind: 'address',
    namespace,
    link,
    address: text,
    ...(broadcast && { broadcast: printAddress(broadcast) }),
    ...(cidr?.address.version === 6 && { nodad: true }),
  };
}

export function sysctl(name: string, value: string, namespace: Namespace = 'host'): SysctlObject {
  return { kind: 'sysctl', namespace, name, value };
}
