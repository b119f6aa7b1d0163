/** A project's networks and volumes. */
import { boolean, fields, labels, list, mapOf, scalarText, text } from './cursor.ts';
import type { Cursor, Decoder } from './cursor.ts';

const CIDR = /^[0-9a-fA-F.:]+\/\d{1,3}$/;

const subnet: Decoder<string> = (cursor) => {
  const spec = text(cursor);
  return spec === undefined || CIDR.test(spec)
    ? spec
    : cursor.fail(`${cursor.option} is invalid: should use the CIDR format`, '"172.28.0.0/16"');
};

const ipam = fields({
  driver: text,
  config: list(fields({ subnet, ip_range: text, gateway: text, aux_addresses: mapOf(text) })),
  options: mapOf(text),
});

/** `external: true`, or the old `external: {name: …}`. */
const external: Decoder<boolean | { readonly name?: string }> = (cursor) =>
  cursor.value.kind === 'mapping' ? fields({ name: text })(cursor) : boolean(cursor);

const networkKeys = fields({
  name: text,
  driver: text,
  driver_opts: mapOf(scalarText),
  ipam,
  external,
  internal: boolean,
  enable_ipv6: boolean,
  attachable: boolean,
  labels,
});

const volumeKeys = fields({ name: text, driver: text, driver_opts: mapOf(scalarText), external, labels });

type NetworkKeys = NonNullable<ReturnType<typeof networkKeys>>;
type VolumeKeys = NonNullable<ReturnType<typeof volumeKeys>>;

interface Placed {
  /** Its name in the file. */
  readonly key: string;
  /** Its name in the engine. */
  readonly name: string;
  readonly external: boolean;
}

export type ProjectNetwork = Omit<NetworkKeys, 'external' | 'name'> & Placed;
export type ProjectVolume = Omit<VolumeKeys, 'external' | 'name'> & Placed;

type Raw = { readonly name?: string; readonly external?: boolean | { readonly name?: string } };

/** Names it `project_key`, unless the file says otherwise or somebody else made it. */
function place<T extends Raw>(kind: string, project: string, key: string, decode: Decoder<T>) {
  return (cursor: Cursor): (Omit<T, 'external' | 'name'> & Placed) | undefined => {
    const empty = cursor.value.kind === 'scalar' && cursor.value.value === null;
    const found = empty ? ({} as T) : decode(cursor);
    if (!found) return undefined;
    const { external: outside, name, ...rest } = found;
    const isExternal = outside !== undefined && outside !== false;
    const extra = Object.keys(rest).filter((other) => other !== 'driver');
    if (isExternal && extra.length > 0)
      return cursor.fail(
        `${kind} ${key} declared as external but specifies additional attributes (${extra.join(', ')}).`,
        'only `external` and `name`',
      );
    const given = typeof outside === 'object' ? (outside.name ?? name) : name;
    return { ...rest, key, name: given ?? (isExternal ? key : `${project}_${key}`), external: isExternal };
  };
}

export function network(project: string, key: string): Decoder<ProjectNetwork> {
  return place('Network', project, key, networkKeys);
}

export function namedVolume(project: string, key: string): Decoder<ProjectVolume> {
  return place('Volume', project, key, volumeKeys);
}
