import type { BridgeSettings, GatewayMode } from '../network/network.ts';
import type { Family } from './rule.ts';

export function gatewayMode(bridge: BridgeSettings, family: Family): GatewayMode {
  return family === 'ip' ? bridge.gatewayMode4 : bridge.gatewayMode6;
}
