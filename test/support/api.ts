/** The Engine API over a UNIX socket, spoken without a client that would hide what was answered. */
import http from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answer {
  readonly status: number;
  /** Parsed JSON, the text if it is none, undefined if there is nothing. */
  readonly body: unknown;
}

export class Api {
  readonly #socketPath: string;
  readonly #agent: http.Agent;

  constructor(socketPath: string, maxSockets = 4) {
    this.#socketPath = socketPath;
    this.#agent = new http.Agent({ keepAlive: true, maxSockets });
  }

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await this.#send(method, path, body);
    const content = await text(response);
    return { status: response.statusCode!, body: parsed(content) };
  }

  async get<T>(path: string): Promise<T> {
    const { status, body } = await this.call('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    return body as T;
  }

  /** Follows the events; gives them one by one until `signal` ends it. */
  async follow(path: string, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    const response = await this.#send('GET', path, undefined, signal);
    let rest = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line) onLine(line);
    });
    // The end that the signal brings.
    response.on('error', () => undefined);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<http.IncomingMessage> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = http.request(
        {
          socketPath: this.#socketPath,
          method,
          path: `/v1.41${path}`,
          headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload), Host: 'docker' },
          ...(signal ? { signal } : { agent: this.#agent }),
        },
        resolve,
      );
      request.on('error', reject);
      request.end(payload);
    });
  }
}

/** The JSON of a body, the text if it is none, undefined if there is nothing. */
export function parsed(content: string): unknown {
  if (content === '') return undefined;
  try {
    return JSON.parse(content);
  } catch {
    return content;
  }
}
