/** What a service mounts. */
import { boolean, fields, oneOf, text } from './cursor.ts';
import type { Decoder } from './cursor.ts';
import { normalizePath, resolvePath } from './path.ts';
import { size } from './units.ts';

/** The short form: the engine makes a missing source. No source: an anonymous volume. */
export interface Bind {
  readonly form: 'bind';
  readonly source?: string;
  readonly target: string;
  readonly mode: string;
}

/** The long form: the engine refuses a bind whose source is missing. */
export interface Mount {
  readonly form: 'mount';
  readonly type: 'bind' | 'volume' | 'tmpfs';
  readonly source?: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation?: string;
  readonly noCopy?: boolean;
  readonly tmpfsSize?: number;
}

export type ServiceVolume = Bind | Mount;

/** Where the relative paths of a file start, and what `~` means. */
export interface Paths {
  folder(file: string): string;
  readonly home: string;
}

export function isPath(source: string): boolean {
  return /^[./~]/.test(source);
}

/** The volume's name if it is one of the project's, not a path and not anonymous. */
export function volumeName(volume: ServiceVolume): string | undefined {
  if (volume.form === 'mount') return volume.type === 'volume' ? volume.source : undefined;
  return volume.source !== undefined && !isPath(volume.source) ? volume.source : undefined;
}

const long = fields({
  type: oneOf('bind', 'volume', 'tmpfs'),
  source: text,
  target: text,
  read_only: boolean,
  consistency: text,
  bind: fields({ propagation: text, create_host_path: boolean }),
  volume: fields({ nocopy: boolean }),
  tmpfs: fields({ size }),
});

export function volume(paths: Paths): Decoder<ServiceVolume> {
  return (cursor) => {
    const { file } = cursor.value.at;
    const place = (source: string): string =>
      isPath(source) ? resolvePath(paths.folder(file), source, paths.home) : source;
    if (cursor.value.kind === 'mapping') {
      const found = long(cursor);
      if (!found) return undefined;
      if (!found.type)
        return cursor.fail(`${cursor.option} is invalid, type is required.`, '`type: bind`, `volume` or `tmpfs`');
      if (!found.target) return cursor.fail(`${cursor.option} is invalid, target is required.`, '`target: /path`');
      if (found.type === 'tmpfs' && found.source)
        return cursor.fail('tmpfs mounts can not specify a source', 'no source');
      const source =
        found.type === 'bind' && found.source
          ? resolvePath(paths.folder(file), found.source, paths.home)
          : found.source;
      return {
        form: 'mount',
        type: found.type,
        ...(source && { source }),
        target: normalizePath(found.target),
        readOnly: found.read_only ?? false,
        ...(found.bind?.propagation && { propagation: found.bind.propagation }),
        ...(found.volume?.nocopy && { noCopy: true }),
        ...(found.tmpfs?.size && { tmpfsSize: found.tmpfs.size }),
      };
    }
    const spec = text(cursor);
    if (spec === undefined) return undefined;
    const parts = spec.split(':');
    const [source, target = '', mode = 'rw'] = parts.length === 1 ? [undefined, ...parts] : parts;
    if (parts.length > 3 || !target.startsWith('/') || source === '')
      return cursor.fail(
        `Volume ${spec} has incorrect format, should be external:internal[:mode]`,
        '"./data:/data:ro", "name:/data" or "/data"',
      );
    return { form: 'bind', ...(source && { source: place(source) }), target: normalizePath(target), mode };
  };
}
