/**
 * Standard output and error on one connection: each piece is preceded by eight bytes, which are the
 * stream's number, three zeros, and the length (big endian).
 */
import type { OutputChunk } from '../../../core/engine/runtime.ts';
import { mapped } from './mapped.ts';

const NUMBER = { stdout: 1, stderr: 2 } as const;

export function frame({ stream, data }: Pick<OutputChunk, 'stream' | 'data'>): Uint8Array {
  const framed = Buffer.allocUnsafe(8 + data.length);
  framed.writeUInt32BE(NUMBER[stream] * 0x1000000, 0);
  framed.writeUInt32BE(data.length, 4);
  framed.set(data, 8);
  return framed;
}

/** As the client expects it: a terminal's output is bare. */
export const encoded = (output: AsyncIterable<OutputChunk>, tty: boolean): AsyncIterable<Uint8Array> =>
  mapped(output, (chunk) => (tty ? chunk.data : frame(chunk)));
