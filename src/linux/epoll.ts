/** Waiting for many file descriptors at once, level-triggered unless `EDGE` is asked for. */
import { constants } from 'node:os';
import { pack, readU32 } from './bytes.ts';
import * as ffi from './ffi.ts';

export const READABLE = 0x1;
export const WRITABLE = 0x4;
/** Told without being asked for. */
export const FAILED = 0x8;
/** Told without being asked for: both directions have ended. */
export const HUNG_UP = 0x10;
/** Once for each time that it becomes so, instead of for as long as it is so. */
export const EDGE = 2 ** 31;

const EPOLL_CLOEXEC = 0o2000000;
const ADD = 1;
const REMOVE = 2;
const CHANGE = 3;
/** struct epoll_event has no padding on this one architecture. */
const PACKED = process.arch === 'x64';
const SIZE = PACKED ? 12 : 16;
const DATA = PACKED ? 4 : 8;
/** Events that one wait gives at most. */
const AT_ONCE = 256;
const { EINTR } = constants.errno;

/** What is told of an fd: `kind` and `id` are as they were given with it. */
export type Told = (kind: number, id: number, events: number) => void;

/** An epoll instance. Its fd is the process's: another thread may add to what this one waits for. */
export class Epoll {
  readonly fd: number;
  readonly #buffer = new Uint8Array(SIZE * AT_ONCE);

  /** `fd`: one that another thread has opened. */
  constructor(fd = ffi.epollCreate(EPOLL_CLOEXEC)) {
    this.fd = fd;
  }

  add(fd: number, events: number, kind: number, id: number): void {
    ffi.epollControl(this.fd, ADD, fd, event(events, kind, id));
  }

  change(fd: number, events: number, kind: number, id: number): void {
    ffi.epollControl(this.fd, CHANGE, fd, event(events, kind, id));
  }

  /** To be called before an fd is closed: a process that is being forked may hold it a moment longer, and epoll with it. */
  remove(fd: number): void {
    ffi.epollControl(this.fd, REMOVE, fd, event(0, 0, 0));
  }

  /** Waits until there is something to tell, and tells it. */
  wait(told: Told): void {
    const count = ffi.tryEpollWait(this.fd, this.#buffer, AT_ONCE, -1);
    if (count < 0 && count !== -EINTR) throw ffi.systemError('epoll_wait', -count);
    for (let at = 0; at < count * SIZE; at += SIZE) {
      const data = at + DATA;
      told(readU32(this.#buffer, data), readU32(this.#buffer, data + 4), readU32(this.#buffer, at));
    }
  }

  close(): void {
    ffi.close(this.fd);
  }
}

function event(events: number, kind: number, id: number): Uint8Array {
  return pack([events, 'u32'], ...(PACKED ? [] : [[0, 'u32'] as const]), [kind, 'u32'], [id, 'u32']);
}
