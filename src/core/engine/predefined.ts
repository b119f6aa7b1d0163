/** The networks that are always there: made at the first start, and the default bridge anew when its options changed. */
import { gatewayAddresses } from '../drivers/bridge.ts';
import { defaultBridgeRequest, isMadeFrom } from '../network/default-bridge.ts';
import { predefinedRequests } from '../network/predefined.ts';
import type { Allocator } from './allocator.ts';
import type { Context } from './context.ts';
import type { Draft } from './records.ts';

/**
 * While a container is connected to the default bridge it stays as it is, whatever the options say.
 *
 * @throws EngineError invalid: the options make no network
 */
export function settlePredefined(draft: Draft, allocator: Allocator, { settings, log }: Context): void {
  const { defaultBridge, addressPools: sources } = settings;
  const known = (name: string) => draft.network.where('name', name)[0];
  const old = known('bridge');
  // What the bridge has from us says nothing about what its owner wants.
  const given = old ? gatewayAddresses(old).map(({ address }) => address) : [];
  const managed = allocator.addressesOfBridge(defaultBridge.bridge)?.filter((its) => !given.includes(its));
  const bridge = defaultBridgeRequest(defaultBridge, { sources, managed });
  if (old && !(bridge && isMadeFrom(old, bridge))) {
    if (draft.endpoint.where('network', old.id).length > 0) {
      log.warn('the default bridge keeps its old options until a start at which no container is connected to it');
    } else {
      draft.network.delete(old.id);
    }
  }
  for (const request of predefinedRequests(bridge)) {
    if (known(request.name)) continue;
    const network = allocator.network(draft, request, { predefined: true });
    // Whoever noted the default bridge's id still finds it.
    draft.network.put(request.name === 'bridge' && old ? { ...network, id: old.id, created: old.created } : network);
  }
}
