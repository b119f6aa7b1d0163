import type { FirewallOptions } from '../firewall/layout.ts';
import type { PoolSource } from '../ipam/sources.ts';
import type { DefaultBridge } from '../network/default-bridge.ts';
import type { Labels } from '../network/network.ts';
import type { ResolverSettings } from './etc.ts';

/** What the daemon's configuration sets for the engine. */
export interface EngineSettings extends ResolverSettings {
  readonly firewall: FirewallOptions;
  /** Address pools that networks without a subnet of their own are cut from, in this order. */
  readonly addressPools: readonly PoolSource[];
  /** Driver -> options that its networks have if they do not say otherwise. */
  readonly networkOptions: Readonly<Record<string, Labels>>;
  readonly defaultBridge: DefaultBridge;
  /** `host-gateway` in extra hosts; empty: the default bridge's gateway. */
  readonly hostGateway: string;
}
