/** What a handler answers with. The server writes it. */
import type { Readable, Writable } from 'node:stream';

export type Headers = Readonly<Record<string, string>>;

/** A raw connection after the head of the answer. */
export interface Connection {
  /** What the client sends; it may end (half-close) while the output goes on. */
  readonly input: Readable;
  readonly output: Writable;
  /** Aborted when the client goes away. */
  readonly gone: AbortSignal;
}

/** Resolves when all was said; the server closes the connection then. */
export type Conversation = (connection: Connection) => Promise<void>;

export type Reply =
  /** A body that is there as a whole. */
  | { readonly kind: 'body'; readonly status: number; readonly headers: Headers; readonly body: string }
  /** A body that comes bit by bit; the head goes out at once. */
  | { readonly kind: 'stream'; readonly headers: Headers; readonly body: AsyncIterable<Uint8Array | string> }
  /** The connection itself. */
  | { readonly kind: 'hijack'; readonly contentType: string; readonly converse: Conversation };

export const json = (value: unknown, status = 200): Reply => ({
  kind: 'body',
  status,
  headers: { 'Content-Type': 'application/json' },
  body: `${JSON.stringify(value)}\n`,
});

export const empty = (status: number, headers: Headers = {}): Reply => ({ kind: 'body', status, headers, body: '' });

export const stream = (body: AsyncIterable<Uint8Array | string>, contentType?: string): Reply => ({
  kind: 'stream',
  headers: contentType === undefined ? {} : { 'Content-Type': contentType },
  body,
});

export const hijack = (contentType: string, converse: Conversation): Reply => ({
  kind: 'hijack',
  contentType,
  converse,
});
