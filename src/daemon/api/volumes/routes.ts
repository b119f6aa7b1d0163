import * as v from 'valibot';
import type { Volume } from '../../../core/engine/volumes.ts';
import { EngineError } from '../../../core/network/error.ts';
import { readOptionalJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { Filters, hasLabel } from '../http/filters.ts';
import { decode, given, string, stringMap, struct } from '../http/go.ts';
import { empty, json, type Reply } from '../http/reply.ts';
import type { Routes } from '../http/router.ts';
import type { Services } from '../services.ts';
import { sorted } from '../sorted.ts';
import { teller } from '../tell.ts';

/** From this version on a prune spares volumes with a name, unless all are asked for. */
const SPARES_NAMED = 42;

const createRequest = struct('volume.VolumeCreateBody', {
  Name: string,
  Driver: string,
  DriverOpts: given.stringMap,
  Labels: v.optional(stringMap, {}),
});

export function volumeRoutes(services: Services): Routes {
  const { volumes, engine } = services;
  const tell = teller(services, 'volume');

  /** The containers that have it. */
  const usersOf = (name: string): string[] =>
    engine.containers
      .list()
      .filter(({ container }) => container.mounts.some((mount) => mount.type === 'volume' && mount.name === name))
      .map(({ container }) => container.id);

  const find = async (name: string): Promise<Volume> => {
    const volume = await volumes.get(name);
    if (!volume) throw new EngineError('not-found', `get ${name}: no such volume`);
    return volume;
  };

  const remove = async (name: string): Promise<void> => {
    await volumes.remove(name);
    tell('destroy', name, { driver: 'local' });
  };

  const list = async ({ query }: Call): Promise<Reply> => {
    const filters = Filters.read(query, ['dangling', 'driver', 'label', 'name']);
    const dangling = filters.flag('dangling');
    const shown = (await volumes.list()).filter(
      ({ name, labels }) =>
        filters.exact('driver', 'local') &&
        filters.match('name', name) &&
        filters.labels(labels) &&
        (dangling === undefined || dangling === (usersOf(name).length === 0)),
    );
    return json({ Volumes: shown.map(presentVolume), Warnings: null });
  };

  const create = async (call: Call): Promise<Reply> => {
    const request = decode('VolumeCreateBody', createRequest, (await readOptionalJson(call)) ?? {});
    if (request.Driver !== '' && request.Driver !== 'local') {
      throw new EngineError(
        'not-found',
        `error looking up volume plugin ${request.Driver}: plugin "${request.Driver}" not found: only the local driver is there`,
      );
    }
    const volume = await volumes.create({
      name: request.Name,
      labels: request.Labels,
      ...(request.DriverOpts ? { options: request.DriverOpts } : {}),
    });
    tell('create', volume.name, { driver: 'local' });
    return json(presentVolume(volume), 201);
  };

  const removeOne = async ({ params, query }: Call): Promise<Reply> => {
    const name = params['name']!;
    if (!(await volumes.get(name)) && query.flag('force')) return empty(204);
    await find(name);
    const users = usersOf(name);
    if (users.length > 0) {
      throw new EngineError('conflict', `remove ${name}: volume is in use - [${users.join(', ')}]`);
    }
    await remove(name);
    return empty(204);
  };

  const prune = async ({ query, version }: Call): Promise<Reply> => {
    const filters = Filters.read(query, ['all', 'label', 'label!']);
    const named = version < SPARES_NAMED || (filters.flag('all') ?? false);
    const removed: string[] = [];
    for (const { name, labels, anonymous } of await volumes.list()) {
      if (!(anonymous || named) || usersOf(name).length > 0) continue;
      if (!filters.labels(labels) || filters.get('label!').some((label) => hasLabel(labels, label))) continue;
      await remove(name);
      removed.push(name);
    }
    return json({ VolumesDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: 0 });
  };

  return {
    'GET /volumes': list,
    'POST /volumes/create': create,
    'POST /volumes/prune': prune,
    'GET /volumes/{name}': async ({ params }) => json(presentVolume(await find(params['name']!))),
    'DELETE /volumes/{name}': removeOne,
  };
}

export const presentVolume = ({ name, mountpoint, created, labels, options }: Volume): object => ({
  CreatedAt: created.replace(/\.\d+/, ''),
  Driver: 'local',
  Labels: Object.keys(labels).length > 0 ? sorted(labels) : null,
  Mountpoint: mountpoint,
  Name: name,
  Options: options && sorted(options),
  Scope: 'local',
});
