/** Containers: their life, lists and inspection. */
import type { ContainerView } from '../../../core/engine/engine.ts';
import { EngineError } from '../../../core/network/error.ts';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { Filters, PRUNE_FILTERS } from '../http/filters.ts';
import { empty, json, stream, type Reply } from '../http/reply.ts';
import type { Routes } from '../http/router.ts';
import type { Services } from '../services.ts';
import { decodeContainer } from './decode.ts';
import { selectContainers } from './filter.ts';
import { decodeUpdate } from './host-config.ts';
import { presentContainer, summarizeContainer, type ContainerSize } from './present.ts';

const WAIT_CONDITIONS = ['not-running', 'next-exit', 'removed'] as const;

export function containerRoutes(services: Services): Routes {
  const { engine, images, files, archives, processes, system, clock } = services;
  const { containers } = engine;

  const sizeOf = async ({ container }: ContainerView): Promise<ContainerSize> => {
    const written = await archives.size(container);
    return { written, total: written + (await images.inspect(container.imageId)).size };
  };

  const list = async ({ query }: Call): Promise<Reply> => {
    const shown = await selectContainers(query, containers, images);
    const name = imageNamer(images);
    const now = clock.milliseconds();
    const summaries = shown.map(async (view) =>
      summarizeContainer(view, await name(view), now, query.flag('size') ? await sizeOf(view) : undefined),
    );
    return json(await Promise.all(summaries));
  };

  const inspect = async ({ params, query, version }: Call): Promise<Reply> => {
    const view = containers.get(params['id']!);
    const size = query.flag('size') ? await sizeOf(view) : undefined;
    return json(presentContainer(view, version, files.surroundings(view), size));
  };

  const create = async (call: Call): Promise<Reply> => {
    const body = await readJson(call);
    const request = decodeContainer(body, call.query.text('name'), call.version, system.hostDefaults);
    const { id, warnings } = await containers.create(request);
    return json({ Id: id, Warnings: warnings }, 201);
  };

  const stopping = ({ query }: Call): { seconds: number | undefined; signal: string | undefined } => ({
    seconds: query.number('t'),
    signal: query.text('signal') || undefined,
  });

  /** The head of the answer goes out at once: clients start the container when they have it. */
  const wait = ({ params, query }: Call): Reply => {
    const asked = query.text('condition') || 'not-running';
    const condition = WAIT_CONDITIONS.find((known) => known === asked);
    if (!condition) throw new EngineError('invalid', `invalid condition: ${JSON.stringify(asked)}`);
    const { container } = containers.get(params['id']!);
    const exit = containers.wait(container.id, condition).then(
      ({ exitCode }) => ({ Error: null, StatusCode: exitCode }),
      (error: unknown) => ({ Error: { Message: String(error) }, StatusCode: 125 }),
    );
    return stream(
      (async function* () {
        yield `${JSON.stringify(await exit)}\n`;
      })(),
      'application/json',
    );
  };

  const remove = async ({ params, query }: Call): Promise<Reply> => {
    if (query.flag('link')) {
      throw new EngineError('not-implemented', 'links cannot be removed: disconnect the container or remove it');
    }
    await containers.remove(params['id']!, { force: query.flag('force'), volumes: query.flag('v') });
    return empty(204);
  };

  const resize = async ({ params, query }: Call): Promise<Reply> => {
    await containers.resize(params['id']!, ...readSize(query));
    return empty(200);
  };

  const top = async ({ params, query }: Call): Promise<Reply> => {
    const pids = await containers.processes(params['id']!);
    return json(await processes.list(pids, query.text('ps_args')));
  };

  const prune = async ({ query }: Call): Promise<Reply> => {
    const removed = await containers.prune(Filters.read(query, PRUNE_FILTERS).prune(clock.now()));
    return json({ ContainersDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: 0 });
  };

  /** What gives nothing back when it is done. */
  const done =
    (act: (call: Call) => Promise<void>, status = 204) =>
    async (call: Call): Promise<Reply> => {
      await act(call);
      return empty(status);
    };

  return {
    'GET /containers/json': list,
    'POST /containers/create': create,
    'POST /containers/prune': prune,
    'GET /containers/{id}/json': inspect,
    'GET /containers/{id}/top': top,
    'POST /containers/{id}/start': done(({ params }) => containers.start(params['id']!)),
    'POST /containers/{id}/stop': done((call) => containers.stop(call.params['id']!, stopping(call))),
    'POST /containers/{id}/restart': done((call) => containers.restart(call.params['id']!, stopping(call))),
    'POST /containers/{id}/kill': done(({ params, query }) => containers.kill(params['id']!, query.text('signal'))),
    'POST /containers/{id}/pause': done(({ params }) => containers.pause(params['id']!)),
    'POST /containers/{id}/unpause': done(({ params }) => containers.unpause(params['id']!)),
    'POST /containers/{id}/rename': done(({ params, query }) => containers.rename(params['id']!, query.text('name'))),
    'POST /containers/{id}/update': async (call) => {
      await containers.update(call.params['id']!, decodeUpdate(await readJson(call)));
      return json({ Warnings: null });
    },
    'POST /containers/{id}/wait': wait,
    'POST /containers/{id}/resize': resize,
    'DELETE /containers/{id}': remove,
  };
}

/** Columns and rows of a terminal. */
export function readSize(query: Call['query']): [columns: number, rows: number] {
  return [query.number('w') ?? 0, query.number('h') ?? 0];
}

/** The name that a container's image was given by, or its id if that name is another image's now. */
function imageNamer(images: Services['images']): (view: ContainerView) => Promise<string> {
  const ids = new Map<string, Promise<string>>();
  return async ({ container }) => {
    const name = container.config.Image;
    const known =
      ids.get(name) ??
      images.find(name).then(
        ({ id }) => id,
        () => '',
      );
    ids.set(name, known);
    return (await known) === container.imageId ? name : container.imageId;
  };
}
