/** What a user asks of a container's place on a network, checked against that network. */
import { isUnspecified, parseAddress, printAddress, type Address, type Version } from '../address/address.ts';
import { containsAddress, parsePrefix } from '../address/prefix.ts';
import { parseMac } from '../address/mac.ts';
import { parseEndpointOptions } from './endpoint-options.ts';
import type { EndpointSettings } from './endpoint.ts';
import { EngineError } from './error.ts';
import type { NetworkRecord } from './network.ts';
import { isPredefined } from './predefined.ts';
import { refuse } from './refusals.ts';

/** The settings in canonical form. Whether an address is free is another question. */
export function checkEndpointSettings(network: NetworkRecord, settings: EndpointSettings): EndpointSettings {
  if (isPredefined(network.name) && settings.aliases?.length) {
    throw new EngineError('invalid', 'network-scoped alias is supported only for containers in user defined networks');
  }
  const problems: string[] = [];
  if (isPredefined(network.name) && (settings.ipv4Address || settings.ipv6Address)) {
    problems.push('user-specified IP address is supported on user-defined networks only');
  } else {
    problems.push(
      ...addressProblems(network, 4, settings.ipv4Address),
      ...addressProblems(network, 6, settings.ipv6Address),
    );
  }
  for (const text of settings.linkLocalAddresses ?? []) {
    const address = parseAddress(text);
    if (!address || isUnspecified(address)) problems.push(`invalid link-local IP address: ${text}`);
  }
  if (settings.mac && !parseMac(settings.mac)) problems.push(`invalid MAC address: ${settings.mac}`);
  refuse('invalid endpoint settings', problems);
  parseEndpointOptions(settings.driverOptions ?? {});
  return {
    ...settings,
    ...(settings.ipv4Address ? { ipv4Address: canonical(settings.ipv4Address) } : {}),
    ...(settings.ipv6Address ? { ipv6Address: canonical(settings.ipv6Address) } : {}),
    ...(settings.linkLocalAddresses ? { linkLocalAddresses: settings.linkLocalAddresses.map(canonical) } : {}),
    ...(settings.mac ? { mac: parseMac(settings.mac)! } : {}),
  };
}

function addressProblems(network: NetworkRecord, version: Version, text: string | undefined): string[] {
  if (!text) return [];
  const address = parseAddress(text);
  if (!address || address.version !== version || isUnspecified(address))
    return [`invalid IPv${version} address: ${text}`];
  // It has no pools, and takes nobody in.
  if (network.configOnly) return [];
  if (!holds(network, address)) return [`no configured subnet contains IP address ${text}`];
  // A subnet that the engine chose may be another one tomorrow.
  const userChose = (network.ipam.requested ?? []).some(({ subnet }) => subnet.includes(':') === (version === 6));
  if (userChose) return [];
  return ['user specified IP address is supported only when connecting to networks with user configured subnets'];
}

function holds(network: NetworkRecord, address: Address): boolean {
  return network.ipam.pools.some(({ subnet }) => containsAddress(parsePrefix(subnet)!, address));
}

const canonical = (text: string): string => printAddress(parseAddress(text)!);
