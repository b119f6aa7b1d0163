import type { Readable } from 'node:stream';
import type { Query } from './query.ts';
import type { Reply } from './reply.ts';

/** One request, as handlers see it. */
export interface Call {
  readonly method: string;
  /** Minor number of the API version that the client speaks. */
  readonly version: number;
  /** The variable parts of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Readable;
  /** Aborted when the client goes away. */
  readonly gone: AbortSignal;
}

export type Handler = (call: Call) => Reply | Promise<Reply>;
