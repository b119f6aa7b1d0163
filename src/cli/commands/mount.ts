import type { MountRequest } from '../../core/container/config.ts';
import { parseSize } from '../../core/compose/units.ts';
import { ExitError } from '../command.ts';
import { readFields } from './csv.ts';

type Draft = { -readonly [K in keyof MountRequest]: MountRequest[K] };

/** `type=bind,source=/x,target=/y,readonly`. Throws ExitError. */
export function readMount(spec: string): MountRequest {
  const wrong = (reason: string): ExitError =>
    new ExitError(`invalid argument "${spec}" for "--mount" flag: ${reason}`, 125);
  const mount: Draft = { Type: 'volume', Target: '' };
  for (const [key, value] of readFields(spec)) {
    switch (key) {
      case 'type':
        if (value !== 'bind' && value !== 'volume' && value !== 'tmpfs')
          throw wrong(`unknown mount type '${value}': bind, volume and tmpfs are known`);
        mount.Type = value;
        break;
      case 'source':
      case 'src':
        mount.Source = value;
        break;
      case 'target':
      case 'dst':
      case 'destination':
        mount.Target = value;
        break;
      case 'readonly':
      case 'ro':
        mount.ReadOnly = value === '' || value === 'true' || value === '1';
        break;
      case 'bind-propagation':
        mount.BindOptions = { Propagation: value };
        break;
      case 'volume-nocopy':
        mount.VolumeOptions = { NoCopy: value === '' || value === 'true' || value === '1' };
        break;
      case 'tmpfs-size': {
        const size = parseSize(value);
        if (size === undefined) throw wrong(`invalid value for tmpfs-size: ${value}`);
        mount.TmpfsOptions = { ...mount.TmpfsOptions, SizeBytes: size };
        break;
      }
      case 'tmpfs-mode':
        if (!/^[0-7]+$/.test(value)) throw wrong(`invalid value for tmpfs-mode: ${value}`);
        mount.TmpfsOptions = { ...mount.TmpfsOptions, Mode: Number.parseInt(value, 8) };
        break;
      default:
        throw wrong(`unexpected key '${key}'`);
    }
  }
  if (mount.Target === '') throw wrong('target is required');
  if (mount.Type === 'bind' && !mount.Source) throw wrong('source is required');
  return mount;
}
