/** The bridge driver: a bridge on the host for each network, a veth pair for each container. */
import { gatewayMode } from '../firewall/mode.ts';
import type { FirewallOptions, Place } from '../firewall/layout.ts';
import type { Family } from '../firewall/rule.ts';
import type { PortBinding } from '../network/endpoint.ts';
import type { BridgeSettings, NetworkRecord } from '../network/network.ts';
import { desired } from '../plan/desired.ts';
import type { AddressObject, Desired, HostObject } from '../plan/object.ts';
import { endpointOwner, networkOwner } from '../plan/owner.ts';
import type { Driver } from './driver.ts';
import { address, interior, sysctl } from './interior.ts';

export const bridge: Driver = { network: networkObjects, endpoint: endpointObjects };

function networkObjects(network: NetworkRecord, options: FirewallOptions): Desired[] {
  const { bridge } = network;
  if (!bridge) return [];
  const owner = networkOwner(network);
  const objects: Desired[] = [];
  const want = (why: string, ...wanted: HostObject[]) => objects.push(...wanted.map((its) => desired(its, owner, why)));

  if (bridge.foreign) {
    const why = `The bridge that containers of ${network.name} are plugged into. It was there before: it is only brought up.`;
    want(why, { kind: 'link', type: 'bridge', namespace: 'host', name: bridge.name, up: true, foreign: true });
  } else {
    want(`The bridge that containers of ${network.name} are plugged into, and their gateway.`, {
      kind: 'link',
      type: 'bridge',
      namespace: 'host',
      name: bridge.name,
      mac: bridge.mac,
      up: true,
    });
    want(
      'Nobody on the bridge may give the host an IPv6 router: a container could take over its traffic.',
      sysctl(`net/ipv6/conf/${bridge.name}/accept_ra`, '0'),
    );
  }
  if (!options.userlandProxy) {
    want(
      `Without the userland proxy, packets from 127.0.0.1 are routed to containers of ${network.name}.`,
      sysctl(`net/ipv4/conf/${bridge.name}/route_localnet`, '1'),
    );
  }
  if (!bridge.icc) {
    const why = `Packets within ${bridge.name} pass the firewall too, or it could not keep its containers apart.`;
    if (options.iptables) want(why, sysctl('net/bridge/bridge-nf-call-iptables', '1'));
    if (options.ip6tables && network.enableIPv6) want(why, sysctl('net/bridge/bridge-nf-call-ip6tables', '1'));
  }
  if (network.enableIPv6) objects.push(...ipv6(network, bridge, options));
  want(`The gateway of ${network.name}'s containers.`, ...gatewayAddresses(network));
  return objects;
}

function ipv6(network: NetworkRecord, { name }: BridgeSettings, { ipForward }: FirewallOptions): Desired[] {
  const owner = networkOwner(network);
  const objects: Desired[] = [
    {
      ...sysctl(`net/ipv6/conf/${name}/disable_ipv6`, '0'),
      owner,
      why: `${network.name} has IPv6 addresses: the bridge must speak it.`,
    },
  ];
  if (!ipForward) return objects;
  for (const scope of ['default', 'all']) {
    objects.push({
      ...sysctl(`net/ipv6/conf/${scope}/forwarding`, '1'),
      owner,
      why: `The host routes IPv6 between ${network.name} and its other links.`,
    });
  }
  return objects;
}

/** The addresses that the bridge gets from us. */
export function gatewayAddresses(network: NetworkRecord): readonly AddressObject[] {
  const { bridge } = network;
  const addresses: AddressObject[] = [];
  if (!bridge) return addresses;
  for (const { subnet, gateway } of network.ipam.pools) {
    const family: Family = subnet.includes(':') ? 'ip6' : 'ip';
    if (!gateway || gatewayMode(bridge, family) === 'isolated') continue;
    if (family === 'ip' && bridge.inhibitIpv4) continue;
    const length = subnet.slice(subnet.indexOf('/'));
    if (family === 'ip6') addresses.push(address('host', bridge.name, 'fe80::1/64'));
    addresses.push(address('host', bridge.name, gateway + length));
  }
  return addresses.filter((its) => !bridge.had?.includes(its.address));
}

function endpointObjects(place: Place, options: FirewallOptions): Desired[] {
  const { endpoint, network, containerName } = place;
  const { bridge } = network;
  if (!bridge) return [];
  const owner = endpointOwner(place);
  const namespace = endpoint.sandboxId;
  const link = endpoint.interfaceName;
  const objects: Desired[] = [];
  const want = (why: string, ...wanted: HostObject[]) => objects.push(...wanted.map((its) => desired(its, owner, why)));

  want(`The cable between ${containerName} (its ${link}) and the bridge of ${network.name}.`, {
    kind: 'link',
    type: 'veth',
    namespace: 'host',
    name: endpoint.hostInterface,
    mtu: bridge.mtu,
    master: bridge.name,
    ...(!options.userlandProxy && { hairpin: true }),
    up: true,
    peer: { namespace, name: link, mac: endpoint.mac },
  });
  objects.push(...interior(place));
  for (const binding of endpoint.bindings) {
    const listener = listen(binding, place, options);
    if (listener) objects.push(listener);
  }
  return objects;
}

function listen(
  { protocol, hostAddress, hostPort, containerPort }: PortBinding,
  place: Place,
  { userlandProxy }: FirewallOptions,
): Desired | undefined {
  const [ipv4 = ''] = place.endpoint.ipv4.split('/');
  const [ipv6 = ''] = place.endpoint.ipv6.split('/');
  // The proxy also leads from the host's IPv6 to a container that has none.
  const target = (hostAddress.includes(':') ? ipv6 : ipv4) || ipv4 || ipv6;
  // A routed container is called by its own address.
  if (hostPort === 0) return undefined;
  const where = hostAddress.includes(':') ? `[${hostAddress}]:${hostPort}` : `${hostAddress}:${hostPort}`;
  return {
    kind: 'listener',
    protocol,
    address: hostAddress,
    port: hostPort,
    target: { address: target, port: containerPort },
    forward: userlandProxy,
    owner: endpointOwner(place),
    why: userlandProxy
      ? `The userland proxy: answers on ${where}/${protocol} for port ${containerPort} of ${place.containerName} where no rule translates (loopback, other containers).`
      : `Keeps ${where}/${protocol} for ${place.containerName}: nobody else may bind it, though rules alone serve it.`,
  };
}
