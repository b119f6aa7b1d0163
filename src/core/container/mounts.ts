/** From what a request says of mounts to what is mounted. */
import { EngineError } from '../network/error.ts';
import type { ContainerConfig, HostConfig, MountRequest } from './config.ts';
import type { ContainerMount } from './container.ts';

/** A mount that may still need its volume: `source` is empty for volumes, `name` for an anonymous one. */
export type WantedMount = ContainerMount;

const PROPAGATIONS = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']);
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/**
 * All mounts of a container: binds, then mounts, then the volumes that it or its image declares and
 * nothing else is mounted on, then those of `volumesFrom` for destinations that are still free.
 * @throws EngineError invalid, in Docker's words
 */
export function wantedMounts(
  config: ContainerConfig,
  hostConfig: HostConfig,
  volumesFrom: readonly { readonly mounts: readonly ContainerMount[]; readonly mode: string }[],
): readonly WantedMount[] {
  const mounts = new Map<string, WantedMount>();
  const add = (mount: WantedMount): void => {
    if (mounts.has(mount.destination)) throw new EngineError('invalid', `Duplicate mount point: ${mount.destination}`);
    mounts.set(mount.destination, mount);
  };
  for (const bind of hostConfig.Binds ?? []) add(parseBind(bind));
  for (const mount of hostConfig.Mounts ?? []) add(fromRequest(mount));
  for (const { mounts: theirs, mode } of volumesFrom) {
    for (const mount of theirs) {
      if (mounts.has(mount.destination)) continue;
      mounts.set(mount.destination, { ...mount, copy: false, writable: mount.writable && mode !== 'ro' });
    }
  }
  for (const destination of Object.keys(config.Volumes ?? {})) {
    const path = cleanDestination(destination, destination);
    if (mounts.has(path)) continue;
    add({
      type: 'volume',
      name: '',
      source: '',
      destination: path,
      mode: '',
      writable: true,
      propagation: '',
      copy: true,
    });
  }
  return [...mounts.values()];
}

/** `source:destination[:mode,…]`: a path is a bind, anything else names a volume. */
export function parseBind(bind: string): WantedMount {
  const parts = bind.split(':');
  const [source, destination, mode = ''] = parts;
  const wrong = (why: string): EngineError =>
    new EngineError('invalid', `invalid volume specification: '${bind}'${why}`);
  if (parts.length > 3 || !source || !destination) throw wrong('');
  let writable = true;
  let propagation = '';
  let copy = true;
  for (const word of mode.split(',').filter(Boolean)) {
    if (word === 'ro' || word === 'rw') writable = word === 'rw';
    else if (PROPAGATIONS.has(word)) propagation = word;
    else if (word === 'nocopy') copy = false;
    else if (word !== 'z' && word !== 'Z') throw new EngineError('invalid', `invalid mode: ${mode}`);
  }
  const target = cleanDestination(destination, bind);
  if (source.startsWith('/')) {
    const path = cleanPath(source);
    return {
      type: 'bind',
      name: '',
      source: path,
      destination: target,
      mode,
      writable,
      propagation: propagation || 'rprivate',
      copy: false,
    };
  }
  if (!VOLUME_NAME.test(source)) {
    throw new EngineError(
      'invalid',
      `create ${source}: "${source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. ` +
        'If you intended to pass a host directory, use absolute path',
    );
  }
  return {
    type: 'volume',
    name: source,
    source: '',
    destination: target,
    mode: mode || 'z',
    writable,
    propagation,
    copy,
  };
}

function fromRequest(mount: MountRequest): WantedMount {
  const wrong = (why: string): EngineError =>
    new EngineError('invalid', `invalid mount config for type "${mount.Type}": ${why}`);
  if (!mount.Target) throw wrong('field Target must not be empty');
  const common = { destination: cleanDestination(mount.Target, mount.Target), mode: '', writable: !mount.ReadOnly };
  switch (mount.Type) {
    case 'bind':
      if (!mount.Source) throw wrong('field Source must not be empty');
      if (!mount.Source.startsWith('/')) {
        throw wrong(`invalid mount path: '${mount.Source}' mount path must be absolute`);
      }
      return {
        ...common,
        type: 'bind',
        name: '',
        source: cleanPath(mount.Source),
        propagation: mount.BindOptions?.Propagation || 'rprivate',
        copy: false,
      };
    case 'volume':
      if (mount.Source && !VOLUME_NAME.test(mount.Source)) throw wrong(`invalid volume name "${mount.Source}"`);
      return {
        ...common,
        type: 'volume',
        name: mount.Source ?? '',
        source: '',
        propagation: '',
        copy: !mount.VolumeOptions?.NoCopy,
      };
    case 'tmpfs': {
      const { SizeBytes, Mode } = mount.TmpfsOptions ?? {};
      const mode = [SizeBytes ? `size=${SizeBytes}` : '', Mode ? `mode=${Mode.toString(8)}` : '']
        .filter(Boolean)
        .join(',');
      return { ...common, type: 'tmpfs', name: '', source: '', mode, propagation: '', copy: false };
    }
    default:
      throw new EngineError('invalid', `invalid mount config for type "${String(mount.Type)}": mount type unknown`);
  }
}

function cleanDestination(path: string, spec: string): string {
  if (!path.startsWith('/')) {
    throw new EngineError(
      'invalid',
      `invalid volume specification: '${spec}': invalid mount path: '${path}' mount path must be absolute`,
    );
  }
  const clean = cleanPath(path);
  if (clean === '/') {
    throw new EngineError(
      'invalid',
      `invalid volume specification: '${spec}': invalid specification: destination can't be '/'`,
    );
  }
  return clean;
}

/** An absolute path without `.`, `..` and doubled slashes. */
function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') kept.pop();
    else if (part && part !== '.') kept.push(part);
  }
  return `/${kept.join('/')}`;
}
