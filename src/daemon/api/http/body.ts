/** Request bodies: JSON, read and refused with the texts that Docker's clients know. */
import type { Readable } from 'node:stream';
import { EngineError } from '../../../core/network/error.ts';
import type { Call } from './call.ts';

/** No JSON body of this API comes near it. */
const LARGEST = 16 * 1024 * 1024;

/** The JSON body; undefined if there is none. */
export async function readOptionalJson(call: Pick<Call, 'body' | 'headers'>): Promise<unknown> {
  const text = await readText(call.body);
  if (text.trim() === '') return undefined;
  const type = String(call.headers['content-type'] ?? '');
  if (type.split(';', 1)[0]?.trim().toLowerCase() !== 'application/json') {
    throw new EngineError('invalid', `Content-Type specified (${type}) must be 'application/json'`);
  }
  return parseJson(text);
}

export async function readJson(call: Pick<Call, 'body' | 'headers'>): Promise<unknown> {
  const value = await readOptionalJson(call);
  if (value === undefined) throw new EngineError('invalid', 'got EOF while reading request body');
  return value;
}

/** By events: an iterator over the stream is more work than a small body is. */
function readText(body: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    body.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= LARGEST) return;
      body.pause().removeAllListeners('data');
      reject(new EngineError('invalid', `request body is larger than ${LARGEST} bytes`));
    });
    body.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    body.once('error', reject);
    body.once('close', () => {
      if (!body.readableEnded) reject(new EngineError('invalid', 'unexpected EOF'));
    });
  });
}

/** JSON.parse, with the words of Go's decoder for what is wrong. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new EngineError('invalid', wordsOfGo((error as Error).message, text), { cause: error });
  }
}

function wordsOfGo(message: string, text: string): string {
  if (message.startsWith('Unexpected non-whitespace character after JSON')) return 'unexpected content after JSON';
  if (/^Unexpected end of JSON|^Unterminated/.test(message)) return 'unexpected EOF';
  const token = /^Unexpected token '(.+?)'/su.exec(message)?.[1];
  if (token === undefined) return `invalid JSON: ${message}`;
  const where = text.trimStart().startsWith(token) ? 'looking for beginning of value' : 'in JSON';
  return `invalid character '${token}' ${where}`;
}
