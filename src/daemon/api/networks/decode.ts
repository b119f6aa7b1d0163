/** The bodies of network calls. */
import * as v from 'valibot';
import type { NetworkRequest, PoolRequest } from '../../../core/engine/engine.ts';
import type { EndpointSettings } from '../../../core/network/endpoint.ts';
import { bool, decode, given, integer, mapOf, maybe, string, stringMap, strings, struct } from '../http/go.ts';

const poolConfig = struct('network.IPAMConfig', {
  Subnet: given.string,
  IPRange: given.string,
  Gateway: given.string,
  AuxiliaryAddresses: given.stringMap,
});

const createRequest = struct('types.NetworkCreateRequest', {
  Name: string,
  CheckDuplicate: bool,
  Driver: string,
  Scope: string,
  EnableIPv4: given.bool,
  EnableIPv6: given.bool,
  IPAM: maybe(
    struct('network.IPAM', {
      Driver: string,
      Options: given.stringMap,
      Config: v.optional(v.array(poolConfig, '[]network.IPAMConfig'), []),
    }),
  ),
  Internal: bool,
  Attachable: bool,
  Ingress: bool,
  ConfigOnly: bool,
  ConfigFrom: maybe(struct('network.ConfigReference', { Network: string })),
  Options: v.optional(stringMap, {}),
  Labels: v.optional(stringMap, {}),
});

export function decodeNetwork(body: unknown): NetworkRequest {
  const request = decode('NetworkCreateRequest', createRequest, body);
  return {
    name: request.Name,
    driver: request.Driver || 'bridge',
    checkDuplicate: request.CheckDuplicate,
    internal: request.Internal,
    attachable: request.Attachable,
    ingress: request.Ingress,
    scope: request.Scope,
    ...(request.EnableIPv4 === undefined ? {} : { enableIPv4: request.EnableIPv4 }),
    ...(request.EnableIPv6 === undefined ? {} : { enableIPv6: request.EnableIPv6 }),
    configOnly: request.ConfigOnly,
    configFrom: request.ConfigFrom?.Network ?? '',
    ...(request.IPAM === undefined
      ? {}
      : {
          ipam: {
            driver: request.IPAM.Driver || 'default',
            options: request.IPAM.Options ?? null,
            pools: request.IPAM.Config.map(poolRequest),
          },
        }),
    options: request.Options,
    labels: request.Labels,
  };
}

function poolRequest(config: v.InferOutput<typeof poolConfig>): PoolRequest {
  return {
    ...(config.Subnet ? { subnet: config.Subnet } : {}),
    ...(config.IPRange ? { ipRange: config.IPRange } : {}),
    ...(config.Gateway ? { gateway: config.Gateway } : {}),
    ...(config.AuxiliaryAddresses ? { auxiliary: config.AuxiliaryAddresses } : {}),
  };
}

export const endpointConfig = struct('network.EndpointSettings', {
  IPAMConfig: maybe(
    struct('network.EndpointIPAMConfig', { IPv4Address: string, IPv6Address: string, LinkLocalIPs: strings }),
  ),
  Links: strings,
  Aliases: strings,
  MacAddress: string,
  DriverOpts: given.stringMap,
  GwPriority: integer,
});

export const endpointConfigs = v.optional(
  mapOf(v.optional(v.nullable(endpointConfig), null), '*network.EndpointSettings'),
  {},
);

/** What was asked of a place on a network; nothing was, if there is no configuration. */
export function endpointSettings(config: v.InferOutput<typeof endpointConfig> | null | undefined): EndpointSettings {
  if (!config) return {};
  const { IPAMConfig: ipam } = config;
  return {
    ...(ipam?.IPv4Address ? { ipv4Address: ipam.IPv4Address } : {}),
    ...(ipam?.IPv6Address ? { ipv6Address: ipam.IPv6Address } : {}),
    ...(ipam?.LinkLocalIPs?.length ? { linkLocalAddresses: ipam.LinkLocalIPs } : {}),
    ...(config.MacAddress ? { mac: config.MacAddress } : {}),
    ...(config.Aliases?.length ? { aliases: config.Aliases } : {}),
    ...(config.Links?.length ? { links: config.Links } : {}),
    ...(config.DriverOpts ? { driverOptions: config.DriverOpts } : {}),
    ...(config.GwPriority === 0 ? {} : { gatewayPriority: config.GwPriority }),
  };
}

const connectRequest = struct('types.NetworkConnect', { Container: string, EndpointConfig: maybe(endpointConfig) });

export function decodeConnect(body: unknown): { readonly container: string; readonly settings: EndpointSettings } {
  const request = decode('NetworkConnect', connectRequest, body);
  return { container: request.Container, settings: endpointSettings(request.EndpointConfig) };
}

const disconnectRequest = struct('types.NetworkDisconnect', { Container: string, Force: bool });

export function decodeDisconnect(body: unknown): { readonly container: string; readonly force: boolean } {
  const request = decode('NetworkDisconnect', disconnectRequest, body);
  return { container: request.Container, force: request.Force };
}
