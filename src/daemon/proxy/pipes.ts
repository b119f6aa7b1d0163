import * as ffi from '../../linux/ffi.ts';
import { O_CLOEXEC } from '../../linux/headers.ts';

const O_NONBLOCK = 0o4000;
const F_SETPIPE_SZ = 1031;
/** Bytes that a pipe holds: as many as any user may have by default. */
const SIZE = 1 << 20;
/** Empty ones that are kept. */
const SPARE = 16;

/** What a socket gave and the next one has not taken yet, inside of the kernel. */
export interface Pipe {
  readonly from: number;
  readonly to: number;
  /** What is in it. */
  bytes: number;
}

/** Pipes by turns: a connection needs one only while something is under way in it. */
export class Pipes {
  readonly #spare: Pipe[] = [];
  readonly #ends = new Int32Array(2);

  /** An empty one. Throws SystemError, as of EMFILE. */
  take(): Pipe {
    const spare = this.#spare.pop();
    if (spare) return spare;
    ffi.pipe2(this.#ends, O_NONBLOCK | O_CLOEXEC);
    const [from, to] = this.#ends as unknown as readonly [number, number];
    // Where this is refused the pipe is smaller, and the rest as it is.
    ffi.tryFcntl(to, F_SETPIPE_SZ, SIZE);
    return { from, to, bytes: 0 };
  }

  giveBack(pipe: Pipe): void {
    if (pipe.bytes === 0 && this.#spare.length < SPARE) this.#spare.push(pipe);
    else close(pipe);
  }

  close(): void {
    for (const pipe of this.#spare.splice(0)) close(pipe);
  }
}

function close({ from, to }: Pipe): void {
  ffi.close(from);
  ffi.close(to);
}
