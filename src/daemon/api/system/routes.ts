import type { Call } from '../http/call.ts';
import { json, stream, type Reply } from '../http/reply.ts';
import type { Routes } from '../http/router.ts';
import { summarizeContainer } from '../containers/present.ts';
import { summarizeImage } from '../images/present.ts';
import type { Services } from '../services.ts';
import { presentVolume } from '../volumes/routes.ts';
import { eventLines, readEventQuery } from './events.ts';
import { presentInfo, presentVersion } from './present.ts';

export function systemRoutes(services: Services): Routes {
  const { engine, images, volumes, archives, system, clock } = services;

  const ping = (): Reply => ({
    kind: 'body',
    status: 200,
    headers: {
      'Content-Type': 'text/plain; charset=utf-8',
      'Cache-Control': 'no-cache, no-store, must-revalidate',
      Pragma: 'no-cache',
    },
    body: 'OK',
  });

  const info = (): Reply =>
    json(
      presentInfo(system, {
        containers: engine.containers.list().map(({ container }) => container.state.status),
        images: images.list().length,
        time: clock.now(),
      }),
    );

  const events = ({ query }: Call): Reply =>
    stream(eventLines(engine.events, readEventQuery(query), clock.now()), 'application/json');

  /** What takes how much of the disk. Layers that images share are counted once an image. */
  const usage = async ({ version, query }: Call): Promise<Reply> => {
    const types = query.all('type');
    const wants = (type: string): boolean => types.length === 0 || types.includes(type);
    const all = engine.containers.list();
    const uses = (count: (view: (typeof all)[number]) => boolean): number => all.filter(count).length;
    const now = clock.milliseconds();
    const shownImages = wants('image') ? images.list() : [];
    const shownContainers = wants('container')
      ? await Promise.all(
          all.map(async (view) => {
            const written = await archives.size(view.container);
            const total = written + (await images.inspect(view.container.imageId)).size;
            return summarizeContainer(view, view.container.config.Image, now, { written, total });
          }),
        )
      : [];
    const shownVolumes = wants('volume') ? await volumes.list() : [];
    return json({
      LayersSize: shownImages.reduce((sum, { size }) => sum + size, 0),
      Images: shownImages.map((image) =>
        summarizeImage(
          image,
          version,
          uses(({ container }) => container.imageId === image.id),
        ),
      ),
      Containers: shownContainers,
      Volumes: shownVolumes.map((volume) => ({
        ...presentVolume(volume),
        UsageData: {
          RefCount: uses(({ container }) => container.mounts.some(({ name }) => name === volume.name)),
          // Not counted.
          Size: -1,
        },
      })),
      BuildCache: [],
      BuilderSize: 0,
    });
  };

  return {
    'GET /_ping': ping,
    'HEAD /_ping': ping,
    'GET /version': () => json(presentVersion(system)),
    'GET /info': info,
    'GET /events': events,
    'GET /system/df': usage,
  };
}
