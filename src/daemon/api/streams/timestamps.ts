import type { OutputChunk } from '../../../core/engine/runtime.ts';
import { mapped } from './mapped.ts';

const NEWLINE = 0x0a;

/** Puts the time before each line. A chunk may hold several lines, or end within one. */
export function timestamped(output: AsyncIterable<OutputChunk>): AsyncIterable<OutputChunk> {
  const within = { stdout: false, stderr: false };
  return mapped(output, (chunk) => {
    const parts: Uint8Array[] = [];
    for (let begin = 0; begin < chunk.data.length;) {
      const newline = chunk.data.indexOf(NEWLINE, begin);
      const end = newline === -1 ? chunk.data.length : newline + 1;
      if (!within[chunk.stream]) parts.push(Buffer.from(`${chunk.time} `));
      parts.push(chunk.data.subarray(begin, end));
      within[chunk.stream] = newline === -1;
      begin = end;
    }
    return { ...chunk, data: Buffer.concat(parts) };
  });
}
