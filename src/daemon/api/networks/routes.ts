import { EngineError } from '../../../core/network/error.ts';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { Filters, PRUNE_FILTERS } from '../http/filters.ts';
import { empty, json, type Reply } from '../http/reply.ts';
import type { Routes } from '../http/router.ts';
import type { Services } from '../services.ts';
import { decodeConnect, decodeDisconnect, decodeNetwork } from './decode.ts';
import { readNetworkFilter } from './filter.ts';
import { presentNetwork } from './present.ts';

/** Up to this version a list shows each network's members too. */
const LISTS_MEMBERS = 27;

export function networkRoutes({ engine: { networks }, clock }: Services): Routes {
  const list = ({ query, version }: Call): Reply => {
    const shown = networks.list().filter(readNetworkFilter(query));
    return json(shown.map((view) => presentNetwork(view, version, { members: version <= LISTS_MEMBERS })));
  };

  const inspect = ({ params, query, version }: Call): Reply => {
    const view = networks.get(params['id']!);
    const scope = query.text('scope');
    if (scope && scope !== view.network.scope) throw new EngineError('not-found', `network ${params['id']} not found`);
    return json(presentNetwork(view, version, { members: true }));
  };

  const create = async (call: Call): Promise<Reply> => {
    const { id, warning } = await networks.create(decodeNetwork(await readJson(call)));
    return json({ Id: id, Warning: warning }, 201);
  };

  const remove = async ({ params }: Call): Promise<Reply> => {
    await networks.remove(params['id']!);
    return empty(204);
  };

  const connect = async (call: Call): Promise<Reply> => {
    const { container, settings } = decodeConnect(await readJson(call));
    await networks.connect(call.params['id']!, container, settings);
    return empty(200);
  };

  const disconnect = async (call: Call): Promise<Reply> => {
    const { container, force } = decodeDisconnect(await readJson(call));
    await networks.disconnect(call.params['id']!, container, { force });
    return empty(200);
  };

  const prune = async (call: Call): Promise<Reply> => {
    const filter = Filters.read(call.query, PRUNE_FILTERS).prune(clock.now());
    const removed = await networks.prune(filter);
    return json({ NetworksDeleted: removed.length > 0 ? removed : null });
  };

  return {
    'GET /networks': list,
    'GET /networks/': list,
    'POST /networks/create': create,
    'POST /networks/prune': prune,
    'GET /networks/{id}': inspect,
    'DELETE /networks/{id}': remove,
    'POST /networks/{id}/connect': connect,
    'POST /networks/{id}/disconnect': disconnect,
  };
}
