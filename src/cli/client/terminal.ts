/** The user's terminal while a container has it. */
import { Transform } from 'node:stream';
import type { Duplex } from 'node:stream';
import type { Context } from '../command.ts';

const CTRL_P = 0x10;
const CTRL_Q = 0x11;

/** Hands each key through as it is; `restore` gives the terminal back. */
export function takeTerminal(context: Context): { restore(): void } {
  if (!context.in.isTTY) return { restore: () => undefined };
  context.in.setRawMode(true);
  return { restore: () => void context.in.setRawMode(false) };
}

/** Tells the container the terminal's size, now and when it changes. */
export function followSize(
  context: Context,
  resize: (columns: number, rows: number) => Promise<unknown>,
): { stop(): void } {
  const tell = (): void => {
    // A container that has just ended has no terminal left to resize.
    if (context.out.isTTY && context.out.columns > 0)
      resize(context.out.columns, context.out.rows).catch(() => undefined);
  };
  tell();
  context.out.on('resize', tell);
  return { stop: () => void context.out.off('resize', tell) };
}

/** Passes input on, and ends it at ctrl-p ctrl-q. */
export class Detachable extends Transform {
  detached = false;
  #held = false;

  override _transform(chunk: Buffer, _: string, done: () => void): void {
    for (const [at, byte] of chunk.entries()) {
      if (this.#held && byte === CTRL_Q) {
        this.detached = true;
        this.emit('detached');
        return done();
      }
      if (this.#held) this.push(Buffer.from([CTRL_P]));
      this.#held = byte === CTRL_P;
      if (!this.#held) this.push(chunk.subarray(at, at + 1));
    }
    done();
  }

  override _flush(done: () => void): void {
    if (this.#held && !this.detached) this.push(Buffer.from([CTRL_P]));
    done();
  }
}

/** Feeds the connection from standard input; without a terminal its end is the end of the input. */
export function feed(
  context: Context,
  connection: Duplex,
  detachable: boolean,
): { readonly keys: Detachable | undefined; stop(): void } {
  const keys = detachable ? new Detachable() : undefined;
  if (keys) context.in.pipe(keys).pipe(connection, { end: true });
  else context.in.pipe(connection, { end: true });
  return {
    keys,
    stop: () => {
      context.in.unpipe();
      context.in.pause();
      context.in.unref();
    },
  };
}
