/** The networks that are always there. */
import type { NetworkRequest } from '../engine/engine.ts';
import type { DefaultBridgeRequest } from './default-bridge.ts';

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

/** What the engine asks of itself, in Docker's order. `bridge` undefined: there is no default bridge. */
export function predefinedRequests(bridge: DefaultBridgeRequest | undefined): readonly NetworkRequest[] {
  return [
    { ...PLAIN, name: 'none', driver: 'null' },
    { ...PLAIN, name: 'host', driver: 'host' },
    ...(bridge ? [{ ...PLAIN, name: 'bridge', driver: 'bridge', ...bridge }] : []),
  ];
}
