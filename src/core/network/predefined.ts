/** The networks that are always there. */
import type { NetworkRequest } from '../engine/engine.ts';

const NAMES: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'default']);

/** Names that users cannot give or take away. */
export function isPredefined(name: string): boolean {
  return NAMES.has(name);
}

const PLAIN = {
  checkDuplicate: true,
  internal: false,
  attachable: false,
  ingress: false,
  scope: 'local',
  configOnly: false,
  configFrom: '',
  options: {},
  labels: {},
} as const satisfies Partial<NetworkRequest>;

/** What the engine asks of itself at its first start, in Docker's order. `mtu` is the default bridge's. */
export function predefinedRequests(mtu: number): readonly NetworkRequest[] {
  return [
    { ...PLAIN, name: 'none', driver: 'null' },
    { ...PLAIN, name: 'host', driver: 'host' },
    {
      ...PLAIN,
      name: 'bridge',
      driver: 'bridge',
      options: {
        'com.docker.network.bridge.default_bridge': 'true',
        'com.docker.network.bridge.enable_icc': 'true',
        'com.docker.network.bridge.enable_ip_masquerade': 'true',
        'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
        'com.docker.network.bridge.name': 'docker0',
        'com.docker.network.driver.mtu': String(mtu),
      },
    },
  ];
}
