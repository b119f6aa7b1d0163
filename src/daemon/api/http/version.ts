/** The Engine API's versions: all are 1.x, so the minor number is the version. */
import { EngineError } from '../../../core/network/error.ts';

export const OLDEST = 21;
export const NEWEST = 51;

/** As it stands in headers and bodies: `1.51`. */
export const printVersion = (minor: number): string => `1.${minor}`;

/** The version of a path's prefix (`v1.41`); undefined: the path has none, and the newest is meant. */
export function chooseVersion(prefix: string | undefined): number {
  if (prefix === undefined) return NEWEST;
  const [major = 0, minor = 0] = prefix.split('.').map(Number);
  if (major < 1 || (major === 1 && minor < OLDEST)) {
    throw new EngineError(
      'invalid',
      `client version ${prefix} is too old. Minimum supported API version is ${printVersion(OLDEST)}, ` +
        'please upgrade your client to a newer version',
    );
  }
  if (major > 1 || minor > NEWEST) {
    throw new EngineError(
      'invalid',
      `client version ${prefix} is too new. Maximum supported API version is ${printVersion(NEWEST)}`,
    );
  }
  return minor;
}
