/**
 * A layout of our own on nftables: one table for each family, whose rules are the same whatever the
 * number of networks, containers and ports. These are elements of its sets and maps, so neither a
 * change nor a packet costs more as they grow.
 */
import type { FirewallLayout } from '../layout.ts';
import { endpointObjects } from './endpoint.ts';
import { engineObjects } from './engine.ts';
import { networkObjects } from './network.ts';

export const nftables: FirewallLayout = { engine: engineObjects, network: networkObjects, endpoint: endpointObjects };
