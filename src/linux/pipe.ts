import * as ffi from './ffi.ts';
import { O_CLOEXEC } from './headers.ts';

/** A pipe whose ends are not handed on to processes unless they are given to them. */
export interface Pipe {
  readonly read: number;
  readonly write: number;
}

export function openPipe(): Pipe {
  const ends = new Int32Array(2);
  ffi.pipe2(ends, O_CLOEXEC);
  return { read: ends[0]!, write: ends[1]! };
}
