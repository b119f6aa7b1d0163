/** The bridge driver's options, by the names that Docker gave them. */
import { localMac } from '../address/mac.ts';
import { EngineError } from './error.ts';
import { isLinkName, LINK_NAME_RULE } from './name.ts';
import type { BridgeSettings, GatewayMode, Labels, NetworkRecord } from './network.ts';
import { addressOption, badOption, booleanOption, integerOption } from './option.ts';

export const BRIDGE_NAME = 'com.docker.network.bridge.name';
const MASQUERADE = 'com.docker.network.bridge.enable_ip_masquerade';
const ICC = 'com.docker.network.bridge.enable_icc';
const HOST_BINDING = 'com.docker.network.bridge.host_binding_ipv4';
const GATEWAY_MODE_4 = 'com.docker.network.bridge.gateway_mode_ipv4';
const GATEWAY_MODE_6 = 'com.docker.network.bridge.gateway_mode_ipv6';
const INHIBIT_IPV4 = 'com.docker.network.bridge.inhibit_ipv4';
const DEFAULT_BRIDGE = 'com.docker.network.bridge.default_bridge';
const TRUSTED_INTERFACES = 'com.docker.network.bridge.trusted_host_interfaces';
const MTU = 'com.docker.network.driver.mtu';
const INTERFACE_PREFIX = 'com.docker.network.container_iface_prefix';
const HOST_IPV4 = 'com.docker.network.host_ipv4';
const HOST_IPV6 = 'com.docker.network.host_ipv6';

/** The bridge of the network `bridge`. What is found under that name an earlier engine made. */
export const DEFAULT_BRIDGE_NAME = 'docker0';

const DEFAULT_MTU = 1500;
const LARGEST_MTU = 65_535;
const MODES: readonly string[] = ['nat', 'nat-unprotected', 'routed', 'isolated'] satisfies GatewayMode[];

/** Names of a container's links end in a number. */
const DIGITS = 2;

export interface BridgeContext {
  readonly id: string;
  readonly internal: boolean;
  /** 8 random hexadecimal digits, for the bridge's MAC. */
  readonly random: string;
  /** The addresses, with prefix length, of a bridge of the host; undefined if there is no such bridge. */
  readonly addressesOfBridge: (name: string) => readonly string[] | undefined;
}

/** The name of the bridge of a network that asks for none. */
export const generatedBridgeName = (networkId: string): string => `br-${networkId.slice(0, 12)}`;

/** Reads the options, with defaults for those that are not there. Unknown ones are nobody's business here. */
export function parseBridge(
  options: Labels,
  { id, internal, random, addressesOfBridge }: BridgeContext,
): BridgeSettings {
  booleanOption(options, DEFAULT_BRIDGE);
  const name = bridgeName(options) ?? generatedBridgeName(id);
  const hostBinding = addressOption(options, HOST_BINDING) ?? '';
  const had = name === DEFAULT_BRIDGE_NAME ? undefined : addressesOfBridge(name);
  return {
    name,
    mac: localMac(random),
    mtu: mtu(options),
    icc: booleanOption(options, ICC) ?? true,
    masquerade: booleanOption(options, MASQUERADE) ?? true,
    hostBinding: hostBinding === '0.0.0.0' ? '' : hostBinding,
    gatewayMode4: gatewayMode(options, GATEWAY_MODE_4, internal),
    gatewayMode6: gatewayMode(options, GATEWAY_MODE_6, internal),
    inhibitIpv4: booleanOption(options, INHIBIT_IPV4) ?? false,
    hostIpv4: addressOption(options, HOST_IPV4, 4) ?? '',
    hostIpv6: addressOption(options, HOST_IPV6, 6) ?? '',
    trustedInterfaces: trustedInterfaces(options),
    interfacePrefix: interfacePrefix(options),
    foreign: had !== undefined,
    ...(had === undefined || had.length === 0 ? {} : { had }),
  };
}

function bridgeName(options: Labels): string | undefined {
  const name = options[BRIDGE_NAME];
  if (!name) return undefined;
  if (isLinkName(name)) return name;
  throw badOption(BRIDGE_NAME, name, `a link name has ${LINK_NAME_RULE}`);
}

function interfacePrefix(options: Labels): string {
  const prefix = options[INTERFACE_PREFIX];
  if (!prefix) return 'eth';
  if (isLinkName(prefix, DIGITS)) return prefix;
  throw badOption(INTERFACE_PREFIX, prefix, `with a number behind it, it must be a link name: ${LINK_NAME_RULE}`);
}

function trustedInterfaces(options: Labels): readonly string[] {
  const list = options[TRUSTED_INTERFACES] ?? '';
  const names = list.split(':').filter(Boolean);
  const wrong = names.find((name) => !isLinkName(name));
  if (wrong === undefined) return names;
  throw badOption(TRUSTED_INTERFACES, list, `${wrong} is no link name: ${LINK_NAME_RULE}`);
}

function mtu(options: Labels): number {
  const value = integerOption(options, MTU) ?? 0;
  if (value < 0 || value > LARGEST_MTU) throw new EngineError('invalid', `invalid MTU number: ${value}`);
  return value || DEFAULT_MTU;
}

function gatewayMode(options: Labels, label: string, internal: boolean): GatewayMode {
  const mode = options[label] || 'nat';
  if (!MODES.includes(mode)) throw badOption(label, mode, `unknown gateway mode ${mode}`);
  if (mode === 'isolated' && !internal) {
    throw new EngineError('invalid', "gateway mode 'isolated' can only be used for an internal network");
  }
  return mode as GatewayMode;
}

/** Two networks cannot have one bridge: `others` have one of that name. */
export function refuseSharedBridge(id: string, { name }: BridgeSettings, others: readonly NetworkRecord[]): void {
  const [other] = others;
  if (!other) return;
  throw new EngineError(
    'forbidden',
    `cannot create network ${id} (${name}): conflicts with network ${other.id} (${name}): networks have same bridge name`,
  );
}
