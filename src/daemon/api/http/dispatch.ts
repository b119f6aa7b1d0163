import { EngineError } from '../../../core/network/error.ts';
import type { Call } from './call.ts';
import { Query } from './query.ts';
import type { Reply } from './reply.ts';
import type { Router } from './router.ts';
import { chooseVersion } from './version.ts';

/**
 * Calls the handler of a method and a URL with its query, with the API version as prefix or without.
 * @throws EngineError what the handler refuses, and that there is none
 */
export async function dispatch(
  router: Router,
  method: string,
  url: string,
  { headers, body, gone }: Pick<Call, 'headers' | 'body'> & { readonly gone: { readonly signal: AbortSignal } },
): Promise<Reply> {
  const [encoded = '', query = ''] = url.split(/\?(.*)/s, 2);
  const [, prefix, inner] = /^\/v(\d+\.\d+)(\/.*)$/.exec(encoded) ?? [];
  const version = chooseVersion(prefix);
  const found = router.find(method, decodePath(inner ?? encoded));
  if (!found) throw new EngineError('not-found', 'page not found');
  return found.handler({
    method,
    version,
    params: found.params,
    query: new Query(new URLSearchParams(query)),
    headers,
    body,
    get gone() {
      return gone.signal;
    },
  });
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    throw new EngineError('invalid', `invalid URL escape in ${JSON.stringify(path)}`, { cause: error });
  }
}
