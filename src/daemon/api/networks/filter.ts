import type { NetworkView } from '../../../core/engine/engine.ts';
import { EngineError } from '../../../core/network/error.ts';
import { Filters } from '../http/filters.ts';
import type { Query } from '../http/query.ts';

const PREDEFINED = new Set(['bridge', 'host', 'none']);

/** Which networks a list shows. */
export function readNetworkFilter(query: Query): (view: NetworkView) => boolean {
  const filters = Filters.read(query, ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type']);
  const dangling = filters.flag('dangling');
  for (const type of filters.get('type')) {
    if (type !== 'builtin' && type !== 'custom') throw new EngineError('invalid', `invalid filter: 'type'='${type}'`);
  }
  return ({ network, endpoints }) => {
    const predefined = PREDEFINED.has(network.name);
    return (
      filters.exact('driver', network.driver) &&
      filters.exact('scope', network.scope) &&
      filters.exact('type', predefined ? 'builtin' : 'custom') &&
      filters.match('name', network.name) &&
      filters.match('id', network.id) &&
      filters.labels(network.labels) &&
      (dangling === undefined || dangling === (!predefined && endpoints.length === 0))
    );
  };
}
