import { absentRoutes } from './absent.ts';
import { archiveRoutes } from './containers/archive-routes.ts';
import { containerRoutes } from './containers/routes.ts';
import { statsRoutes } from './containers/stats.ts';
import { streamRoutes } from './containers/streams.ts';
import { Router } from './http/router.ts';
import { imageRoutes } from './images/routes.ts';
import { insightRoutes } from './insight/routes.ts';
import { networkRoutes } from './networks/routes.ts';
import { withDryRuns } from './rehearsal.ts';
import type { Services } from './services.ts';
import { systemRoutes } from './system/routes.ts';
import { volumeRoutes } from './volumes/routes.ts';

/** The changes that can be rehearsed. */
export const changeRoutes = [networkRoutes, containerRoutes, volumeRoutes] as const;

/** The whole Engine API. */
export const apiRouter = (services: Services): Router =>
  new Router(
    systemRoutes(services),
    withDryRuns(services, ...changeRoutes),
    streamRoutes(services),
    statsRoutes(services),
    archiveRoutes(services),
    imageRoutes(services),
    insightRoutes(services),
    absentRoutes,
  );
