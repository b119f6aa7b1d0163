import { pipeline, Readable, type Duplex } from 'node:stream';
import * as zlib from 'node:zlib';
import { EngineError } from '../../core/network/error.ts';

/** How a compressed stream begins, and what undoes it. */
const FORMATS: readonly {
  readonly name: string;
  readonly magic: readonly number[];
  readonly decoder?: () => Duplex;
}[] = [
  { name: 'gzip', magic: [0x1f, 0x8b], decoder: () => zlib.createGunzip() },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], ...zstd() },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68] },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
];

const LONGEST_MAGIC = 6;

/** Node has it from 22.15 on. */
function zstd(): { decoder?: () => Duplex } {
  const create: unknown = Reflect.get(zlib, 'createZstdDecompress');
  return typeof create === 'function' ? { decoder: create as () => Duplex } : {};
}

/** The plain content of a stream that may be compressed: how is seen from its first bytes. */
export async function* decompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, stream } = await peek(source, LONGEST_MAGIC);
  const format = FORMATS.find(({ magic }) => magic.every((byte, index) => head[index] === byte));
  if (!format) {
    yield* stream;
  } else if (!format.decoder) {
    throw new EngineError('invalid', `archive is compressed with ${format.name}, which cannot be read here: use gzip`);
  } else {
    // pipeline gives an error of the source to the decoder, whose reader below then meets it.
    yield* pipeline(Readable.from(stream), format.decoder(), () => undefined);
  }
}

/** The first bytes (fewer only if there are no more), and the whole stream as it was. */
async function peek(
  source: AsyncIterable<Uint8Array>,
  length: number,
): Promise<{ head: Uint8Array; stream: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < length) {
    const next = await iterator.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head, stream: whole() };
}
