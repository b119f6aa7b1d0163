import type { ImageUser, Progress, RegistryAuth } from '../../../core/image/image.ts';
import { EngineError } from '../../../core/network/error.ts';
import type { Call } from '../http/call.ts';
import { Filters, PRUNE_FILTERS } from '../http/filters.ts';
import { empty, json, stream, type Reply } from '../http/reply.ts';
import type { Routes } from '../http/router.ts';
import type { Services } from '../services.ts';
import { progressReply } from '../streams/progress.ts';
import { teller } from '../tell.ts';
import { selectImages } from './filter.ts';
import { presentHistory, presentImage, summarizeImage } from './present.ts';

export function imageRoutes(services: Services): Routes {
  const { images, engine, clock } = services;
  const tell = teller(services, 'image');

  const users = (): readonly ImageUser[] =>
    engine.containers.list().map(({ container }) => ({
      id: container.id,
      imageId: container.imageId,
      running: container.state.status === 'running' || container.state.status === 'paused',
    }));

  const list = async ({ query, version }: Call): Promise<Reply> => {
    const shown = await selectImages(query, images, clock.now());
    return json(shown.map((image) => summarizeImage(image, version)));
  };

  const inspect = async ({ params, version }: Call): Promise<Reply> => {
    const image = await images.inspect(params['name']!);
    return json(presentImage(image, version, images.layers(image.id)));
  };

  const create = async (call: Call): Promise<Reply> => {
    const { query } = call;
    if (query.text('fromImage')) return pull(call);
    if (query.text('fromSrc') !== '-') {
      throw new EngineError(
        'not-implemented',
        'an import reads its archive from the request: fetch it and use `docker import -`',
      );
    }
    const repository = query.text('repo');
    const tag = query.text('tag');
    const message = query.text('message');
    const imported = images.import(call.body, {
      ...(repository ? { repository } : {}),
      ...(tag ? { tag } : {}),
      ...(message ? { message } : {}),
      changes: query.all('changes'),
    });
    return progressReply(telling(imported, () => tell('import', repository, { name: repository })));
  };

  const pull = ({ query, headers }: Call): Promise<Reply> => {
    const platform = query.text('platform');
    const reference = withTag(query.text('fromImage'), query.text('tag'));
    const auth = readAuth(headers['x-registry-auth']);
    const pulled = images.pull(reference, { ...(auth ? { auth } : {}), ...(platform ? { platform } : {}) });
    return progressReply(telling(pulled, () => tell('pull', reference, { name: reference })));
  };

  const load = ({ body, query }: Call): Promise<Reply> => {
    const loaded = images.load(body);
    return progressReply(query.flag('quiet') ? onlyResults(loaded) : loaded);
  };

  const save = async (names: readonly string[]): Promise<Reply> =>
    stream(await images.save(names), 'application/x-tar');

  const tag = async ({ params, query }: Call): Promise<Reply> => {
    const name = params['name']!;
    await images.tag(name, query.text('repo'), query.text('tag') || undefined);
    const { id } = await images.find(name);
    tell('tag', id, { name: withTag(query.text('repo'), query.text('tag')) });
    return empty(201);
  };

  const remove = async ({ params, query }: Call): Promise<Reply> => {
    const name = params['name']!;
    const options = { force: query.flag('force'), noprune: query.flag('noprune') };
    const { id } = await images.find(name);
    const removed = await images.remove(name, options, users());
    if (removed.some((line) => 'Untagged' in line)) tell('untag', id, { name: id });
    if (removed.some((line) => 'Deleted' in line && line.Deleted === id)) tell('delete', id, { name: id });
    return json(removed);
  };

  const prune = async ({ query }: Call): Promise<Reply> => {
    const filters = Filters.read(query, [...PRUNE_FILTERS, 'dangling']);
    const dangling = filters.flag('dangling') ?? true;
    const { removed, reclaimed } = await images.prune({ ...filters.prune(clock.now()), dangling }, users());
    return json({ ImagesDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: reclaimed });
  };

  return {
    'GET /images/json': list,
    'GET /images/get': ({ query }) => save(query.all('names')),
    'POST /images/create': create,
    'POST /images/load': load,
    'POST /images/prune': prune,
    'GET /images/{name*}/get': ({ params }) => save([params['name']!]),
    'GET /images/{name*}/history': async ({ params }) =>
      json((await images.history(params['name']!)).map(presentHistory)),
    'GET /images/{name*}/json': inspect,
    'POST /images/{name*}/tag': tag,
    'DELETE /images/{name*}': remove,
  };
}

function withTag(name: string, tag: string): string {
  if (tag === '') return name;
  return tag.includes(':') ? `${name}@${tag}` : `${name}:${tag}`;
}

/** Credentials, as JSON in base64 (of either alphabet); an empty object is none. */
export function readAuth(header: string | readonly string[] | undefined): RegistryAuth | undefined {
  if (typeof header !== 'string' || header === '') return undefined;
  try {
    const auth = JSON.parse(Buffer.from(header, 'base64').toString('utf8')) as RegistryAuth;
    return Object.keys(auth).length > 0 ? auth : undefined;
  } catch (error) {
    throw new EngineError('invalid', 'invalid X-Registry-Auth header: it is not base64 of a JSON object', {
      cause: error,
    });
  }
}

/** Calls `done` when all messages were given. */
async function* telling(messages: AsyncIterable<Progress>, done: () => void): AsyncGenerator<Progress> {
  yield* messages;
  done();
}

/** Without how far it is. */
async function* onlyResults(messages: AsyncIterable<Progress>): AsyncGenerator<Progress> {
  for await (const message of messages) if (message.stream !== undefined) yield message;
}
