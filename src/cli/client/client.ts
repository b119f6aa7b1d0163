/** The Engine API over node:http. */
import http from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { printHost } from './host.ts';
import type { Host } from './host.ts';

/** The version whose shapes this client reads; Docker from 20.10 on and Passerelle speak it. */
const API = '/v1.41';

/** The daemon said no. */
export class EngineFailure extends Error {
  override readonly name = 'EngineFailure';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The daemon could not be asked. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Request {
  readonly query?: Query | undefined;
  /** JSON. */
  readonly body?: unknown;
  /** Raw, in place of `body`. */
  readonly upload?: Readable;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

type Method = 'GET' | 'POST' | 'DELETE' | 'HEAD';

export class EngineClient {
  readonly host: Host;
  /** Whether what is asked for is done, and comes about in time. */
  readonly isForReal: boolean = true;
  readonly #agent = new http.Agent({ keepAlive: false });

  constructor(host: Host) {
    this.host = host;
  }

  /** The answer's head; its body is still to be read. Throws EngineFailure from status 400 on. */
  async request(method: Method, path: string, request: Request = {}): Promise<IncomingMessage> {
    const answer = await this.#send(method, path, request);
    if ((answer.statusCode ?? 500) >= 400) throw await failure(answer);
    return answer;
  }

  async text(method: Method, path: string, request?: Request): Promise<string> {
    return await readAll(await this.request(method, path, request));
  }

  /** The answer as JSON; undefined if it has no body. */
  async json<T>(method: Method, path: string, request?: Request): Promise<T> {
    const text = await this.text(method, path, request);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** The answer's JSON values as they come. */
  async *stream<T>(method: Method, path: string, request?: Request): AsyncGenerator<T> {
    const answer = await this.request(method, path, request);
    answer.setEncoding('utf8');
    let rest = '';
    for await (const chunk of answer as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T;
    }
    if (rest.trim() !== '') yield JSON.parse(rest) as T;
  }

  /** A connection that stops being HTTP after the answer: the container's own streams. */
  async hijack(path: string, request: Request = {}): Promise<Duplex> {
    return await new Promise((resolve, reject) => {
      const sent = http.request({
        ...this.#options('POST', path, request),
        headers: { ...this.#headers(request), connection: 'Upgrade', upgrade: 'tcp' },
      });
      sent.on('upgrade', (_, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      sent.on('response', (answer) => void failure(answer).then(reject, reject));
      sent.on('error', (error) => reject(this.#unreachable(error)));
      sent.end(request.body === undefined ? undefined : JSON.stringify(request.body));
    });
  }

  async #send(method: Method, path: string, request: Request): Promise<IncomingMessage> {
    return await new Promise((resolve, reject) => {
      const sent = http.request({ ...this.#options(method, path, request), headers: this.#headers(request) });
      sent.on('response', resolve);
      sent.on('error', (error) => reject(this.#unreachable(error)));
      if (request.upload) {
        request.upload.on('error', (error) => sent.destroy(error));
        request.upload.pipe(sent);
      } else sent.end(request.body === undefined ? undefined : JSON.stringify(request.body));
    });
  }

  #options(method: Method, path: string, request: Request): RequestOptions {
    return {
      ...(this.host.kind === 'unix'
        ? { socketPath: this.host.socketPath }
        : { hostname: this.host.hostname, port: this.host.port }),
      agent: this.#agent,
      method,
      path: `${API}${withQuery(path, request.query)}`,
      ...(request.signal && { signal: request.signal }),
    };
  }

  #headers(request: Request): Record<string, string> {
    return {
      host: 'passerelle',
      'user-agent': 'passerelle',
      ...(request.body !== undefined && { 'content-type': 'application/json' }),
      ...request.headers,
    };
  }

  #unreachable(error: Error): Error {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (error.name === 'AbortError') return error;
    const place = printHost(this.host);
    if (code === 'EACCES')
      return new Unreachable(
        `permission denied while trying to connect to the Passerelle daemon socket at ${place}\nRun it as root, or as a member of the socket's group.`,
        { cause: error },
      );
    if (['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'EHOSTUNREACH', 'ENOTFOUND', 'ETIMEDOUT'].includes(code))
      return new Unreachable(
        `Cannot connect to the Passerelle daemon at ${place}. Is it running?\nStart it with \`passerelle daemon\`, or say where it listens with -H or PASSERELLE_HOST.`,
        { cause: error },
      );
    return new Unreachable(`error during connect to ${place}: ${error.message}`, { cause: error });
  }
}

/** A path with parameters behind those that it has. */
export function withQuery(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.append(key, String(value));
  const text = parameters.toString();
  return text === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${text}`;
}

export async function readAll(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** The text of `{"message": …}`, or the whole body of who says it otherwise. */
async function failure(answer: IncomingMessage): Promise<EngineFailure> {
  const text = await readAll(answer);
  const status = answer.statusCode ?? 500;
  try {
    const { message } = JSON.parse(text) as { message?: string };
    if (message) return new EngineFailure(status, message);
  } catch {
    // Not JSON: the body itself is the best there is to show.
  }
  return new EngineFailure(status, text.trim() || `${status} ${answer.statusMessage ?? ''}`.trim());
}
