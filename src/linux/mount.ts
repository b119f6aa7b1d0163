/** Mounts, device nodes and extended attributes: what a container's root filesystem is made of. */
import { closeSync, openSync } from 'node:fs';
import * as ffi from './ffi.ts';
import { MNT_DETACH, MS_BIND } from './headers.ts';

const MS_RDONLY = 0x1;
const MS_REMOUNT = 0x20;
const MS_REC = 0x4000;
const UMOUNT_NOFOLLOW = 0x8;

/** The kernel takes at most a page of mount options, with the ending zero. */
const OPTIONS_LIMIT = 4095;

export interface Overlay {
  /** The read-only layers, the topmost first; at least one. */
  readonly lower: readonly string[];
  readonly upper: string;
  /** An empty folder on the filesystem of `upper`. */
  readonly work: string;
}

/** Mounts the layers, one upon another, on `target`. */
export function mountOverlay(target: string, overlay: Overlay): void {
  const options = (lower: readonly string[]) =>
    `lowerdir=${lower.join(':')},upperdir=${escape(overlay.upper)},workdir=${escape(overlay.work)}`;
  const plain = options(overlay.lower.map(escape));
  if (Buffer.byteLength(plain) <= OPTIONS_LIMIT) return mountWith(target, plain);

  // Too many layers for a page: the layers are named by descriptors, which need some 16 bytes each.
  const descriptors: number[] = [];
  try {
    for (const layer of overlay.lower) descriptors.push(openSync(layer, 'r'));
    mountWith(target, options(descriptors.map((fd) => `/proc/thread-self/fd/${fd}`)));
  } finally {
    descriptors.forEach((fd) => closeSync(fd));
  }
}

function mountWith(target: string, options: string): void {
  ffi.mount('overlay', target, 'overlay', 0, options);
}

/** In overlay's options a comma ends an option and a colon ends a layer. */
const escape = (path: string) => path.replace(/[\\,:]/g, '\\$&');

/** Shows `source` (a file or a folder, with what is mounted in it) at `target`, which must exist. */
export function bindMount(source: string, target: string, options: { readonly readOnly?: boolean } = {}): void {
  ffi.mount(source, target, null, MS_BIND | MS_REC, null);
  // Read-only is ignored when the bind is made: it takes a second call.
  if (options.readOnly) ffi.mount(null, target, null, MS_BIND | MS_REMOUNT | MS_RDONLY, null);
}

/** Unmounts; a busy mount goes when its last user does. What is not mounted, or not there, is no error. */
export function unmount(target: string): void {
  for (const flags of [UMOUNT_NOFOLLOW, UMOUNT_NOFOLLOW | MNT_DETACH]) {
    try {
      ffi.umount2(target, flags);
      return;
    } catch (error) {
      const code = error instanceof ffi.SystemError ? error.code : '';
      if (code === 'EINVAL' || code === 'ENOENT') return;
      if (code !== 'EBUSY') throw error;
    }
  }
}

const NODE_TYPE = { fifo: 0o010000, character: 0o020000, block: 0o060000 } as const;

/** Makes a device node or a fifo. An overlay's whiteout is the character device 0, 0. */
export function makeNode(
  path: string,
  type: keyof typeof NODE_TYPE,
  permissions: number,
  device: { readonly major: number; readonly minor: number } = { major: 0, minor: 0 },
): void {
  const major = BigInt(device.major);
  const minor = BigInt(device.minor);
  const packed = ((major & 0xfffn) << 8n) | (minor & 0xffn) | ((minor & ~0xffn) << 12n) | ((major & ~0xfffn) << 32n);
  ffi.mknod(path, NODE_TYPE[type] | permissions, packed);
}

/** Sets an extended attribute of `path` itself, also if it is a symbolic link. An overlay's opaque folder has `trusted.overlay.opaque` = `y`. */
export function setExtendedAttribute(path: string, name: string, value: Uint8Array): void {
  ffi.lsetxattr(path, name, value, value.length, 0);
}
