/** The files of containers: `docker cp`, `docker export`, `docker diff`. */
import { decompressed } from '../../../containers/images/compression.ts';
import type { PathStat } from '../../../containers/archive/stat.ts';
import { EngineError } from '../../../core/network/error.ts';
import type { Call } from '../http/call.ts';
import { empty, json, stream, type Reply } from '../http/reply.ts';
import type { Routes } from '../http/router.ts';
import type { Services } from '../services.ts';

export function archiveRoutes({ engine: { containers }, archives }: Services): Routes {
  const target = ({ params, query }: Call) => {
    const path = query.text('path');
    if (path === '') throw new EngineError('invalid', 'bad parameter: path cannot be empty');
    return { container: containers.get(params['id']!).container, path };
  };

  const look = async (call: Call): Promise<Reply> => {
    const { container, path } = target(call);
    return empty(200, statHeader(await archives.stat(container, path)));
  };

  const read = async (call: Call): Promise<Reply> => {
    const { container, path } = target(call);
    const { stat, content } = await archives.read(container, path);
    return { kind: 'stream', headers: { 'Content-Type': 'application/x-tar', ...statHeader(stat) }, body: content };
  };

  const write = async (call: Call): Promise<Reply> => {
    const { container, path } = target(call);
    const content = decompressed(call.body);
    await archives.write(container, path, content, { keepKinds: call.query.flag('noOverwriteDirNonDir') });
    return empty(200);
  };

  return {
    'HEAD /containers/{id}/archive': look,
    'GET /containers/{id}/archive': read,
    'PUT /containers/{id}/archive': write,
    'GET /containers/{id}/export': async ({ params }) =>
      stream(await archives.export(containers.get(params['id']!).container), 'application/x-tar'),
    'GET /containers/{id}/changes': async ({ params }) => {
      const changes = await archives.changes(containers.get(params['id']!).container);
      return json(changes.length > 0 ? changes : null);
    },
  };
}

const statHeader = (stat: PathStat): { readonly 'X-Docker-Container-Path-Stat': string } => ({
  'X-Docker-Container-Path-Stat': Buffer.from(JSON.stringify(stat)).toString('base64'),
});
