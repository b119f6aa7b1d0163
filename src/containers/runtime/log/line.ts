/**
 * The lines of conmon's log (`k8s-file`, as Kubernetes reads it):
 *
 *     2026-11-23T04:57:02.123456789+00:00 stdout F a whole line
 *     2026-11-23T04:57:02.123456789+00:00 stderr P a piece without its newline
 *
 * The monitor runs in UTC, so everything before the text has a fixed width. The text holds no newline,
 * and conmon writes each piece as soon as it has read it, so the output's bytes come back exactly.
 */
import type { OutputChunk } from '../../../core/engine/runtime.ts';

const TIME_LENGTH = '2026-11-23T04:57:02.123456789'.length;
const STREAM = '2026-11-23T04:57:02.123456789+00:00 '.length;
/** Where a line's `F` or `P` stands. */
export const TAG = STREAM + 'stdout '.length;
const TEXT = TAG + 2;
/** The most that conmon writes as one line. */
export const LONGEST_LINE = TEXT + 8192 + 1;

export const NEWLINE = 0x0a;
export const FULL = 0x46;
const PARTIAL = 0x50;
/** What tells `stderr` from `stdout`: the fourth letter. */
const E = 0x65;

/** One line, with its newline. Undefined if it is not whole: its monitor was killed while it wrote. */
export function parseLine(line: Buffer): OutputChunk | undefined {
  const tag = line[TAG];
  if (line.length < TEXT || (tag !== FULL && tag !== PARTIAL)) return undefined;
  return {
    stream: line[STREAM + 3] === E ? 'stderr' : 'stdout',
    data: line.subarray(TEXT, tag === FULL ? line.length : line.length - 1),
    time: `${line.toString('latin1', 0, TIME_LENGTH)}Z`,
  };
}

/** Parses a log that comes in blocks of any size. */
export class LogParser {
  #rest: Buffer = Buffer.alloc(0);

  push(block: Buffer): readonly OutputChunk[] {
    const text = this.#rest.length === 0 ? block : Buffer.concat([this.#rest, block]);
    const chunks: OutputChunk[] = [];
    let start = 0;
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, start)) {
      const chunk = parseLine(text.subarray(start, end + 1));
      if (chunk) chunks.push(chunk);
      start = end + 1;
    }
    this.#rest = text.subarray(start);
    return chunks;
  }
}
