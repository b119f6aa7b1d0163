import type { BridgeSettings } from '../network/network.ts';
import { gatewayMode } from './mode.ts';
import type { Family, Target } from './rule.ts';

/** Where packets of the network get another source when they leave; undefined: they keep theirs. */
export function sourceTranslation(bridge: BridgeSettings, family: Family): Target | undefined {
  if (!bridge.masquerade || gatewayMode(bridge, family) === 'routed') return undefined;
  return translation(bridge, family);
}

/** The same, whether the network translates what leaves it or not. */
export function translation(bridge: BridgeSettings, family: Family): Target {
  const address = family === 'ip' ? bridge.hostIpv4 : bridge.hostIpv6;
  return address ? { kind: 'snat', to: address } : { kind: 'masquerade' };
}
