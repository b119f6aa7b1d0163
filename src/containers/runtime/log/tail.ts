import type { FileHandle } from 'node:fs/promises';
import { FULL, LONGEST_LINE, NEWLINE, TAG } from './line.ts';

const BLOCK = 64 * 1024;

/** Where the log's line begins that `position` is in; a position right after a newline is a beginning. */
export async function lineStart(file: FileHandle, position: number): Promise<number> {
  const from = Math.max(0, position - LONGEST_LINE);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(position - from), 0, position - from, from);
  return from + buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1;
}

/**
 * Where the last `count` lines of output begin, in a log of `size` bytes that ends with a newline.
 * A line of output is any number of pieces and the one that ends it; the last may still lack its end.
 * Reads blocks from the end, as many as are needed.
 */
export async function tailStart(file: FileHandle, size: number, count: number): Promise<number> {
  if (count <= 0) return size;
  let ends = 0;
  let following = size;
  // Longer than a block, so that the tag of a line that begins at a block's very end can be read too.
  const buffer = Buffer.alloc(BLOCK + TAG + 1);
  for (let top = size; top > 0; top -= BLOCK) {
    const from = Math.max(0, top - BLOCK);
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - from), from);
    const text = buffer.subarray(0, bytesRead);
    // Every line that begins after a newline of this block, from the last to the first; -1 is the log's beginning.
    let newline = text.lastIndexOf(NEWLINE, top - from - 1);
    for (;;) {
      if (newline < 0 && from > 0) break;
      const start = from + newline + 1;
      if (start < size) {
        if (text[newline + 1 + TAG] === FULL || following === size) ends++;
        if (ends > count) return following;
        following = start;
      }
      if (newline < 0) break;
      newline = newline === 0 ? -1 : text.lastIndexOf(NEWLINE, newline - 1);
    }
  }
  return 0;
}
