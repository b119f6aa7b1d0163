/** The network `bridge`, which containers are on that ask for none: what the daemon's options make of it. */
import { parseAddress, printAddress, type Version } from '../address/address.ts';
import { containsAddress, containsPrefix, hasHostBits, parseCidr, prefixOf, printPrefix } from '../address/prefix.ts';
import type { NetworkRequest, PoolRequest } from '../engine/engine.ts';
import { parseSource, type PoolSource } from '../ipam/sources.ts';
import { BRIDGE_NAME, DEFAULT_BRIDGE_NAME } from './bridge.ts';
import { EngineError } from './error.ts';
import type { NetworkRecord } from './network.ts';
import { poolAsWritten } from './pool-request.ts';

/** Empty texts: not said. */
export interface DefaultBridge {
  /** A bridge that the user made; `none`: there is no default bridge network. */
  readonly bridge: string;
  /** The bridge's own address with prefix length: `192.168.1.5/24`. */
  readonly bip: string;
  readonly bip6: string;
  /** What containers get addresses from, if it is not all of the subnet. */
  readonly fixedCidr: string;
  readonly fixedCidr6: string;
  /** The containers' gateway, if it is not the bridge. */
  readonly defaultGateway: string;
  readonly defaultGateway6: string;
  readonly icc: boolean;
  readonly masquerade: boolean;
  /** The host address that ports bind to when the user gives none. */
  readonly hostBinding: string;
  readonly ipv6: boolean;
  readonly mtu: number;
}

export const PLAIN_DEFAULT_BRIDGE: DefaultBridge = {
  bridge: '',
  bip: '',
  bip6: '',
  fixedCidr: '',
  fixedCidr6: '',
  defaultGateway: '',
  defaultGateway6: '',
  icc: true,
  masquerade: true,
  hostBinding: '0.0.0.0',
  ipv6: false,
  mtu: 1500,
};

/** What the options say of the network. */
export type DefaultBridgeRequest = Pick<NetworkRequest, 'options' | 'enableIPv6' | 'ipam'>;

/** What the default bridge is made from besides its options. */
export interface DefaultBridgeContext {
  readonly sources: readonly PoolSource[];
  /** The addresses, with prefix length, that the user gave the bridge; undefined: there is no such bridge. */
  readonly managed: readonly string[] | undefined;
}

/**
 * The request for the network; undefined if there is to be none. Of a bridge that the user manages
 * the subnets are those of its addresses.
 *
 * @throws EngineError invalid, in words that name the option
 */
export function defaultBridgeRequest(
  options: DefaultBridge,
  context: DefaultBridgeContext,
): DefaultBridgeRequest | undefined {
  if (options.bridge === 'none') return undefined;
  const { bridge, icc, masquerade, hostBinding, ipv6, mtu } = options;
  if (bridge && !context.managed) throw wrong('bridge', bridge, 'there is no such bridge on the host: make it first');
  const pools = [pool(4, options, context), ...(ipv6 ? [pool(6, options, context)] : [])].flatMap((its) => its ?? []);
  return {
    enableIPv6: ipv6,
    ...(pools.length > 0 ? { ipam: { driver: 'default', options: null, pools } } : {}),
    options: {
      'com.docker.network.bridge.default_bridge': 'true',
      'com.docker.network.bridge.enable_icc': String(icc),
      'com.docker.network.bridge.enable_ip_masquerade': String(masquerade),
      'com.docker.network.bridge.host_binding_ipv4': hostBinding,
      [BRIDGE_NAME]: bridge || DEFAULT_BRIDGE_NAME,
      'com.docker.network.driver.mtu': String(mtu),
    },
  };
}

/** Whether the network was made from that request. */
export function isMadeFrom({ options, enableIPv6, ipam }: NetworkRecord, request: DefaultBridgeRequest): boolean {
  const made = [options, enableIPv6, ipam.requested ?? []];
  return (
    JSON.stringify(made) ===
    JSON.stringify([request.options, request.enableIPv6, (request.ipam?.pools ?? []).map(poolAsWritten)])
  );
}

/** What the options say of addresses of one version; undefined: nothing. */
function pool(version: Version, options: DefaultBridge, context: DefaultBridgeContext): PoolRequest | undefined {
  const [bip, range, gateway, suffix, bipFlag] =
    version === 4
      ? [options.bip, options.fixedCidr, options.defaultGateway, '', 'bip']
      : [options.bip6, options.fixedCidr6, options.defaultGateway6, '-v6', 'bip6'];
  const own = bip || managedAddress(version, range, context);
  if (!own && !range && !gateway) return undefined;
  const cidr = parseCidr(own);
  if (own && cidr?.address.version !== version)
    throw wrong(bipFlag, own, `it should be an IPv${version} address with prefix length`);
  if (cidr && !hasHostBits(cidr))
    throw wrong(bipFlag, own, 'it should be the address of the bridge, not of the whole subnet');
  const subnet = cidr ? printPrefix(cidr.prefix) : (subnetHolding(version, range || gateway, context.sources) ?? range);
  if (!subnet) {
    throw wrong(`default-gateway${suffix}`, gateway, `no address pool holds it: say the subnet with ${bipFlag}`);
  }
  return {
    subnet,
    ...(range && range !== subnet ? { ipRange: range } : {}),
    ...(cidr ? { gateway: printAddress(cidr.address) } : {}),
    ...(gateway ? { auxiliary: { [`DefaultGatewayIPv${version}`]: gateway } } : {}),
  };
}

/** The address of the user's bridge: the one whose subnet holds the range, or the first; empty: it is to be given one. */
function managedAddress(version: Version, range: string, { managed = [] }: DefaultBridgeContext): string {
  const addresses = managed.flatMap((text) => {
    const cidr = parseCidr(text);
    const isLinkLocal = text.toLowerCase().startsWith('fe80:');
    return cidr?.address.version === version && !isLinkLocal ? [{ text, cidr }] : [];
  });
  const wanted = parseCidr(range)?.prefix;
  const found = addresses.find(({ cidr }) => !wanted || containsPrefix(cidr.prefix, wanted)) ?? addresses[0];
  return found?.text ?? '';
}

/** The subnet of the default pools that an address or range is in. */
function subnetHolding(version: Version, text: string, sources: readonly PoolSource[]): string | undefined {
  const range = parseCidr(text)?.prefix;
  const address = range?.address ?? parseAddress(text);
  if (address?.version !== version) return undefined;
  for (const { base, size } of sources.map(parseSource)) {
    if (!containsAddress(base, address) || (range && range.length < size)) continue;
    return printPrefix(prefixOf(address, size));
  }
  return undefined;
}

const wrong = (option: string, value: string, why: string): EngineError =>
  new EngineError('invalid', `default bridge: ${option} ${value}: ${why}`);
