/**
 * An image's configuration as the OCI image specification and Docker write it. The file is kept as
 * it came, byte for byte, since its digest is the image's id; here is what is read of it.
 */
import * as v from 'valibot';
import type { ContainerConfig } from '../../core/container/config.ts';
import { EngineError } from '../../core/network/error.ts';
import { isDigest } from '../../core/image/digest.ts';
import { digestOf } from './digest.ts';
import type { HistoryEntry, ImageView } from '../../core/image/image.ts';

const text = v.optional(v.nullish(v.string(), ''), '');
const string = v.nullish(v.string());
const texts = v.nullish(v.array(v.string()));
const set = v.nullish(v.record(v.string(), v.looseObject({})));
const number = v.optional(v.number());

export const digest = v.pipe(v.string(), v.check(isDigest, 'not a sha256 digest'));

const healthcheck = v.nullish(
  v.looseObject({
    Test: v.optional(v.array(v.string())),
    Interval: number,
    Timeout: number,
    StartPeriod: number,
    Retries: number,
  }),
);

/** Unknown keys are dropped: nobody reads them, and the file keeps them. */
const runConfig = v.object({
  Hostname: string,
  Domainname: string,
  User: string,
  Env: texts,
  Cmd: texts,
  Entrypoint: texts,
  WorkingDir: string,
  Labels: v.nullish(v.record(v.string(), v.string())),
  ExposedPorts: set,
  Volumes: set,
  OnBuild: texts,
  StopSignal: string,
  StopTimeout: v.nullish(v.number()),
  Shell: texts,
  Healthcheck: healthcheck,
});

const imageConfig = v.object({
  architecture: text,
  variant: text,
  os: v.optional(v.nullish(v.string(), 'linux'), 'linux'),
  created: text,
  author: text,
  comment: text,
  docker_version: text,
  config: v.optional(v.nullish(runConfig)),
  rootfs: v.object({ type: v.literal('layers'), diff_ids: v.nullish(v.array(digest), []) }),
  history: v.optional(
    v.nullish(
      v.array(
        v.object({
          created: v.nullish(v.string()),
          created_by: text,
          comment: text,
          empty_layer: v.optional(v.nullish(v.boolean(), false), false),
        }),
      ),
      [],
    ),
    [],
  ),
});

/** The configuration of one image, read. */
export interface ImageConfig extends v.InferOutput<typeof imageConfig> {
  readonly id: string;
}

/** Reads JSON from outside; `what` names it where it is wrong. Throws invalid. */
export function readJson<const Schema extends v.GenericSchema>(
  schema: Schema,
  content: string | Uint8Array,
  what: string,
): v.InferOutput<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(
      typeof content === 'string' ? content : new TextDecoder('utf-8', { fatal: true }).decode(content),
    );
  } catch (cause) {
    throw new EngineError('invalid', `${what} is not JSON: ${String(cause)}`, { cause });
  }
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new EngineError('invalid', `${what} is wrong at ${v.getDotPath(issue) ?? 'its top'}: ${issue.message}`);
}

export function readImageConfig(content: Uint8Array): ImageConfig {
  const id = digestOf(content);
  const config = readJson(imageConfig, content, `configuration ${id}`);
  if (config.os !== 'linux' && config.os !== '') {
    throw new EngineError('invalid', `cannot load ${config.os} image on linux`);
  }
  const layered = config.history.filter((entry) => !entry.empty_layer).length;
  if (config.history.length > 0 && layered !== config.rootfs.diff_ids.length) {
    throw new EngineError(
      'invalid',
      `configuration ${id} tells of ${layered} layers in its history and has ${config.rootfs.diff_ids.length}`,
    );
  }
  return { ...config, os: 'linux', id };
}

/** What containers inherit: nothing that the image leaves out. */
export function containerConfig(image: ImageConfig): Partial<ContainerConfig> {
  const entries = Object.entries(image.config ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(entries);
}

/** Where an image stands in this store, beyond its own configuration. */
interface Standing {
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly lastTagged: string | undefined;
  /** Bytes of each layer's files, lowest first. */
  readonly layerSizes: readonly number[];
}

export function imageView(image: ImageConfig, standing: Standing): ImageView {
  const { layerSizes, ...names } = standing;
  return {
    ...names,
    id: image.id,
    config: containerConfig(image),
    created: image.created,
    author: image.author,
    comment: image.comment || (image.history.at(-1)?.comment ?? ''),
    dockerVersion: image.docker_version,
    architecture: image.architecture,
    variant: image.variant,
    os: image.os,
    size: layerSizes.reduce((sum, size) => sum + size, 0),
    diffIds: image.rootfs.diff_ids,
  };
}

/** Newest first, as `docker history` lists. */
export function imageHistory(image: ImageConfig, { repoTags, layerSizes }: Standing): HistoryEntry[] {
  const sizes = layerSizes.values();
  const entries = image.history.map((entry) => ({
    created: entry.created ?? undefined,
    createdBy: entry.created_by,
    comment: entry.comment,
    id: '<missing>',
    tags: [] as readonly string[],
    size: entry.empty_layer ? 0 : (sizes.next().value ?? 0),
  }));
  const newest = entries.at(-1);
  if (newest) Object.assign(newest, { id: image.id, tags: repoTags });
  return entries.toReversed();
}
