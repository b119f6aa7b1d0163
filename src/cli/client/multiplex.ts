/** The stream that the Engine API makes of standard output and standard error. */
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

const HEADER = 8;

/** One frame's payload with its origin. */
export interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

/** Frames: one byte for the stream (2: standard error), three of nothing, four for the length. */
export async function* frames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= HEADER) {
      const end = HEADER + pending.readUInt32BE(4);
      if (pending.length < end) break;
      yield { stream: pending[0] === 2 ? 'stderr' : 'stdout', data: pending.subarray(HEADER, end) };
      pending = pending.subarray(end);
    }
  }
}

/** Writes a container's output where it belongs, no faster than it is taken. Resolves at its end. */
export async function copyOutput(source: Readable, tty: boolean, out: Writable, err: Writable): Promise<void> {
  if (tty) for await (const chunk of source as AsyncIterable<Buffer>) await write(out, chunk);
  else for await (const frame of frames(source)) await write(frame.stream === 'stderr' ? err : out, frame.data);
}

async function write(to: Writable, data: Buffer): Promise<void> {
  if (!to.write(data)) await once(to, 'drain');
}
