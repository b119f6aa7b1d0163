/** What other engines do and this one does not: refused with a sentence that says what to do instead. */
import { EngineError } from '../../core/network/error.ts';
import type { Handler } from './http/call.ts';
import { json } from './http/reply.ts';
import type { Routes } from './http/router.ts';

const refuse =
  (code: 'not-implemented' | 'unavailable', message: string): Handler =>
  () => {
    throw new EngineError(code, message);
  };

const NO_MANAGER = refuse(
  'unavailable',
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
);
const NO_SWARM = refuse(
  'not-implemented',
  'Passerelle has no swarm: run one engine a host, and connect hosts by their own network',
);
const NO_BUILD = refuse(
  'not-implemented',
  'Passerelle does not build images: build with buildah, kaniko or docker buildx, and load the result with `docker load`',
);
const NO_PLUGINS = refuse('not-implemented', 'Passerelle has no plugins: its drivers are built in');
const NO_PUSH = refuse(
  'not-implemented',
  'Passerelle does not push images: save the image with `docker save` and copy it with `skopeo copy docker-archive:FILE docker://NAME`',
);

export const absentRoutes: Routes = {
  'POST /build': NO_BUILD,
  'POST /build/prune': NO_BUILD,
  'POST /build/cancel': NO_BUILD,
  'POST /session': NO_BUILD,
  'POST /grpc': NO_BUILD,
  'POST /commit': refuse(
    'not-implemented',
    'Passerelle does not commit containers: export one with `docker export` and make an image with `docker import`',
  ),
  'POST /auth': refuse(
    'not-implemented',
    'Passerelle does not check credentials by themselves: write them with `skopeo login --authfile ~/.docker/config.json`, and they are used at the next pull',
  ),
  'GET /images/search': refuse(
    'not-implemented',
    "Passerelle does not search registries: use the registry's own page, or `skopeo list-tags`",
  ),
  'POST /images/{name*}/push': NO_PUSH,
  'GET /distribution/{name*}/json': refuse(
    'not-implemented',
    'Passerelle does not look into registries: use `skopeo inspect docker://NAME`',
  ),
  'GET /containers/{id}/attach/ws': refuse(
    'not-implemented',
    'attach over a WebSocket is not there: use POST /containers/{id}/attach',
  ),
  'POST /containers/{id}/checkpoints': refuse('not-implemented', 'Passerelle has no checkpoints'),
  'GET /plugins': () => json([]),
  'POST /plugins/{rest*}': NO_PLUGINS,
  'DELETE /plugins/{rest*}': NO_PLUGINS,
  'POST /swarm/leave': refuse('unavailable', 'This node is not part of a swarm'),
  'POST /swarm/init': NO_SWARM,
  'POST /swarm/join': NO_SWARM,
  'POST /swarm/update': NO_MANAGER,
  'POST /swarm/unlock': NO_MANAGER,
  'GET /swarm': NO_MANAGER,
  'GET /swarm/unlockkey': NO_MANAGER,
  ...Object.fromEntries(
    ['nodes', 'services', 'tasks', 'secrets', 'configs'].flatMap((kind) => [
      [`GET /${kind}`, NO_MANAGER],
      [`POST /${kind}/{rest*}`, NO_MANAGER],
      [`GET /${kind}/{rest*}`, NO_MANAGER],
      [`DELETE /${kind}/{rest*}`, NO_MANAGER],
    ]),
  ),
};
