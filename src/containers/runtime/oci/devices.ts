import { lstat, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { RuntimeError } from '../../../core/engine/runtime.ts';
import type { OciDevice, OciDeviceRule } from './config.ts';

interface DeviceRequest {
  readonly PathOnHost: string;
  readonly PathInContainer: string;
  readonly CgroupPermissions: string;
}

export interface Devices {
  readonly devices: readonly OciDevice[];
  readonly rules: readonly OciDeviceRule[];
}

/** Directories of /dev whose content is made for each container anew. */
const OWN = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', '.lxc', '.lxd-mounts', '.udev']);

/** Every device node below a directory of the host; symbolic links are not followed. */
export async function hostDevices(directory = '/dev', inContainer = directory): Promise<readonly OciDevice[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const found = await Promise.all(
    entries
      .filter(({ name }) => !OWN.has(name))
      .map(async (entry) => {
        const path = join(directory, entry.name);
        const target = join(inContainer, entry.name);
        if (entry.isDirectory()) return hostDevices(path, target);
        return entry.isCharacterDevice() || entry.isBlockDevice() ? [await device(path, target)] : [];
      }),
  );
  return found.flat();
}

/** The devices that were asked for, and the permission to use them; a directory stands for all in it. */
export async function requestedDevices(requests: readonly DeviceRequest[]): Promise<Devices> {
  const found = await Promise.all(
    requests.map(async ({ PathOnHost, PathInContainer, CgroupPermissions }) => {
      const target = PathInContainer || PathOnHost;
      const devices = await lookUp(PathOnHost, target);
      return { devices, access: CgroupPermissions || 'rwm' };
    }),
  );
  return {
    devices: found.flatMap(({ devices }) => devices),
    rules: found.flatMap(({ devices, access }) =>
      devices.map(({ type, major, minor }) => ({ allow: true, type, major, minor, access })),
    ),
  };
}

async function lookUp(path: string, target: string): Promise<readonly OciDevice[]> {
  const failed = (cause: unknown): never => {
    throw new RuntimeError(
      `error gathering device information while adding custom device "${path}": ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  };
  const real = await realpath(path).catch(failed);
  const found = await lstat(real);
  if (found.isDirectory()) return hostDevices(real, target);
  if (!found.isCharacterDevice() && !found.isBlockDevice()) return failed(new Error('not a device node'));
  return [await device(real, target)];
}

async function device(path: string, target: string): Promise<OciDevice> {
  const { rdev, mode, uid, gid } = await lstat(path);
  const isBlock = (mode & 0o170000) === 0o060000;
  // A dev_t as the kernel hands it out: 12 bits of major around 20 of minor.
  const major = Math.floor(rdev / 256) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  return { path: target, type: isBlock ? 'b' : 'c', major, minor, fileMode: mode & 0o777, uid, gid };
}
