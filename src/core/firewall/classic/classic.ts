/** The layout of Docker's iptables rules up to 27: the same tables, chains, rules and order as 20.10 leaves them. */
import type { FirewallLayout } from '../layout.ts';
import { endpointObjects } from './endpoint.ts';
import { engineObjects } from './engine.ts';
import { networkObjects } from './network.ts';

export const classic: FirewallLayout = { engine: engineObjects, network: networkObjects, endpoint: endpointObjects };
