/** One HTTP request, as a registry needs it: redirects followed, credentials kept to their host, silence ended. */
import { request as plainRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as secureRequest } from 'node:https';
import { EngineError } from '../../core/network/error.ts';

/** How long (ms) a server may be silent. */
const SILENCE = 60_000;
const REDIRECTS = 5;

export interface Request {
  readonly headers?: OutgoingHttpHeaders;
  /** A form to post. */
  readonly form?: URLSearchParams;
  /** Takes any certificate, and redirects from https to http. */
  readonly insecure: boolean;
  readonly signal: AbortSignal;
}

/** A server that could not be reached, or went away. */
export class ConnectionError extends EngineError {
  constructor(message: string, options: ErrorOptions) {
    super('internal', message, options);
  }
}

/** Gives the answer, whatever its status, with its body unread. */
export async function send(url: URL, request: Request): Promise<IncomingMessage> {
  let target = url;
  let headers = request.headers ?? {};
  for (let redirects = 0; redirects <= REDIRECTS; redirects++) {
    const answer = await sendOnce(target, { ...request, headers });
    const { location } = answer.headers;
    if (location === undefined || ![301, 302, 303, 307, 308].includes(answer.statusCode!)) return answer;
    answer.resume();
    const next = new URL(location, target);
    const isDowngrade = target.protocol === 'https:' && next.protocol !== 'https:';
    if (!/^https?:$/.test(next.protocol) || (isDowngrade && !request.insecure)) {
      throw new EngineError('internal', `${describe(url, request)}: refuses to follow a redirect to ${next.href}`);
    }
    if (next.origin !== target.origin) headers = { ...headers, authorization: undefined };
    target = next;
  }
  throw new EngineError('internal', `${describe(url, request)}: stopped after ${REDIRECTS} redirects`);
}

function sendOnce(url: URL, request: Request): Promise<IncomingMessage> {
  const body = request.form?.toString();
  const headers: OutgoingHttpHeaders = { 'user-agent': 'passerelle' };
  for (const [name, value] of Object.entries(request.headers ?? {})) if (value !== undefined) headers[name] = value;
  if (body !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded';
  const options = {
    method: body === undefined ? 'GET' : 'POST',
    headers,
    signal: request.signal,
    timeout: SILENCE,
    rejectUnauthorized: !request.insecure,
  };
  return new Promise((resolve, reject) => {
    const sent = (url.protocol === 'https:' ? secureRequest : plainRequest)(url, options);
    sent.on('timeout', () => sent.destroy(silent()));
    sent.on('error', (cause) => reject(new ConnectionError(`${describe(url, request)}: ${reason(cause)}`, { cause })));
    sent.on('response', resolve);
    sent.end(body);
  });
}

function silent(): Error {
  return Object.assign(new Error(`no data for ${SILENCE / 1000} s`), { code: 'ETIMEDOUT' });
}

function describe(url: URL, { form }: Request): string {
  return `${form ? 'Post' : 'Get'} "${url.href}"`;
}

/** A name with several addresses fails with several reasons, and no message of its own. */
function reason(error: Error): string {
  return error instanceof AggregateError && !error.message ? error.errors.map(String).join('; ') : error.message;
}

/** Reads a small body; throws if it is longer than `limit` bytes. */
export async function readBody(answer: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new EngineError('internal', `registry answered with more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
